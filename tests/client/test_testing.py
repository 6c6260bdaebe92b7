"""runtime.testing, as the tests of our users use it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import psycopg
import pytest

from runtime import App, Kind, Snooze, UsageError, current_job
from runtime.errors import ArgsInvalid, PayloadInvalid, PayloadTooLarge
from runtime.testing import assert_enqueued, perform, refute_enqueued
from tests.client.jobs import Picture, film, thumbnail

app = App()


@app.job
def whereabouts(path: Path) -> Path:
    if path == Path("later"):
        raise Snooze(3)
    return path.parent


@app.job(queue="q")
def myself() -> dict[str, object]:
    job = current_job()
    return {"queue": job.queue, "attempt": job.attempt, "metadata": job.metadata}


@app.job
def bad(size: int) -> str:
    return "x" * size if size else "\0"


def test_a_handler_is_performed_through_json() -> None:
    assert perform(whereabouts, Path("/a/b")) == Path("/a")
    assert perform(thumbnail, path="a") == Picture("a", 256)
    with pytest.raises(Snooze):
        perform(whereabouts, Path("later"))
    with pytest.raises(ArgsInvalid):
        perform(whereabouts, 3)  # type: ignore[call-overload]
    with pytest.raises(PayloadInvalid, match="output"):
        perform(bad, size=0)
    with pytest.raises(PayloadTooLarge, match="output"):
        perform(bad, size=3_000_000)
    with pytest.raises(UsageError, match="takes a handler"):
        perform(Kind("x"))


async def test_an_async_handler_is_performed_by_awaiting_it() -> None:
    assert await perform(film, path="abc") == 3


def test_a_handler_can_ask_for_its_job() -> None:
    assert perform(myself.with_options(metadata={"a": 1})) == {
        "queue": "q",
        "attempt": 1,
        "metadata": {"a": 1},
    }
    with pytest.raises(UsageError, match="no handler runs here"):
        current_job()


def test_what_was_enqueued_is_seen_before_anybody_commits(url: str) -> None:
    with psycopg.connect(url) as conn:
        refute_enqueued(conn, thumbnail)
        with pytest.raises(AssertionError, match="there is no thumbnail job at all"):
            assert_enqueued(conn, thumbnail)

        thumbnail.enqueue(conn, path="a", width=1)
        thumbnail.with_options(queue="big", priority=2).enqueue(conn, path="b", width=1)

        assert len(assert_enqueued(conn, thumbnail)) == 2
        (found,) = assert_enqueued(conn, "thumbnail", path="b")
        assert (found.queue, found.priority, found.args) == ("big", 2, {"path": "b", "width": 1})
        with pytest.raises(AssertionError, match=r"no thumbnail job with \{'path': 'c'\}"):
            assert_enqueued(conn, thumbnail, path=Path("c"))
        with pytest.raises(AssertionError, match=r"a thumbnail job with \{'width': 1\}"):
            refute_enqueued(conn, thumbnail, width=1)
        refute_enqueued(conn, film)
        conn.rollback()
        refute_enqueued(conn, thumbnail)


def test_it_works_on_async_connections(url: str) -> None:
    async def main() -> None:
        conn = await asyncpg.connect(url)
        await thumbnail.enqueue(conn, path="a")
        await assert_enqueued(conn, thumbnail, path="a")
        await refute_enqueued(conn, thumbnail, path="b")
        await conn.close()

    asyncio.run(main())
