"""Enqueue on the caller's own asyncio connection: as on a sync one, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import psycopg
import pytest

from runtime import enqueue_many
from runtime.client import entries
from runtime.errors import JobFailed, PayloadTooLarge, ResultTimeout, SchemaNotMigrated, UsageError
from runtime.job import NewJob
from tests.client.jobs import Picture, film, paths, rows, thumbnail, thumbnail_nowhere
from tests.client.libraries import ASYNC, Caller, OpenAsync
from tests.client.node import node_by_hand


@pytest.fixture(params=ASYNC)
def open_caller(request: pytest.FixtureRequest) -> OpenAsync:
    return ASYNC[request.param]


Run = Callable[[Callable[[Caller], Awaitable[None]]], None]


@pytest.fixture
def run(open_caller: OpenAsync, url: str) -> Run:
    """Runs a scene under asyncio, on a connection of the library in turn."""

    async def main(scene: Callable[[Caller], Awaitable[None]]) -> None:
        async with open_caller(url) as caller:
            await scene(caller)

    return lambda scene: asyncio.run(main(scene))


def jobs(count: int) -> Iterator[NewJob]:
    return (thumbnail.new_job(path=str(number)) for number in range(count))


def test_a_job_exists_when_the_callers_transaction_commits(run: Run, url: str) -> None:
    async def scene(caller: Caller) -> None:
        handle = await thumbnail.enqueue(caller.conn, path="a.png")
        assert handle.inserted
        assert paths(url) == []
        await caller.commit()
        assert rows(url, "SELECT id FROM headrace.job") == [(handle.id,)]

    run(scene)


def test_a_job_does_not_exist_when_it_rolls_back(run: Run, url: str) -> None:
    async def scene(caller: Caller) -> None:
        await thumbnail.enqueue(caller.conn, path="a.png")
        await caller.rollback()

    run(scene)
    assert paths(url) == []


def test_the_same_id_adds_nothing(run: Run, url: str) -> None:
    async def scene(caller: Caller) -> None:
        once = thumbnail.with_options(id=uuid4())
        assert (await once.enqueue(caller.conn, path="a")).inserted
        assert not (await once.enqueue(caller.conn, path="b")).inserted
        await caller.commit()

    run(scene)
    assert paths(url) == ["a"]


def test_many_jobs_are_one_part_of_the_callers_transaction(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 3)
    wrong: list[Any] = [*jobs(8), "job"]

    async def scene(caller: Caller) -> None:
        await thumbnail.enqueue(caller.conn, path="before")
        with pytest.raises(UsageError, match="job 8 is 'job'"):
            await enqueue_many(caller.conn, wrong)
        assert (await enqueue_many(caller.conn, jobs(7))).inserted == 7
        assert paths(url) == []
        await caller.commit()

    run(scene)
    assert paths(url) == ["before", *"0123456"]


def test_many_jobs_are_gone_when_it_rolls_back(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 3)

    async def scene(caller: Caller) -> None:
        await enqueue_many(caller.conn, jobs(7))
        await caller.rollback()

    run(scene)
    assert paths(url) == []


def test_errors_are_typed(run: Run) -> None:
    async def scene(caller: Caller) -> None:
        with pytest.raises(PayloadTooLarge):
            thumbnail.enqueue(caller.conn, path="x" * 2**21)
        with pytest.raises(SchemaNotMigrated, match="'absent' has no tables"):
            await thumbnail_nowhere.enqueue(caller.conn, path="a")

    run(scene)


def test_a_result_is_awaited_on_the_callers_connection(run: Run, url: str) -> None:
    async def scene(caller: Caller) -> None:
        handle = await thumbnail.enqueue(caller.conn, path="a", width=3)
        film_handle = await film.with_options(queue="default").enqueue(caller.conn, path="b")
        await caller.commit()
        with node_by_hand(url) as node:
            with pytest.raises(ResultTimeout):
                await handle.result(caller.conn, timeout=0.01)
            node.do("thumbnail", '{"path":"a","width":9}')
            node.discard(node.claim("film"), "ValueError", "no film")
        assert await handle.result(caller.conn, timeout=5) == Picture("a", 9)
        with pytest.raises(JobFailed, match="no film"):
            await film_handle.result(caller.conn)

    run(scene)


def test_in_autocommit_jobs_exist_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 3)

    async def main() -> None:
        plain = await asyncpg.connect(url)
        other = await psycopg.AsyncConnection.connect(url, autocommit=True)
        await thumbnail.enqueue(plain, path="a")
        await thumbnail.enqueue(other, path="b")
        assert (await enqueue_many(plain, jobs(8))).inserted == 8
        assert (await enqueue_many(other, jobs(8))).inserted == 8
        await plain.close()
        await other.close()

    asyncio.run(main())
    assert len(paths(url)) == 18


def test_a_codec_for_json_on_the_callers_connection_does_no_harm(url: str) -> None:
    async def main() -> None:
        conn = await asyncpg.connect(url)
        for name in ("json", "jsonb"):
            await conn.set_type_codec(name, encoder=repr, decoder=repr, schema="pg_catalog")
        handle = await thumbnail.enqueue(conn, path="a")
        with pytest.raises(ResultTimeout):
            await handle.result(conn, timeout=0)
        await conn.close()

    asyncio.run(main())
    assert paths(url) == ["a"]


def test_a_handle_refuses_a_connection_of_the_other_sort(url: str) -> None:
    async def main() -> None:
        conn = await asyncpg.connect(url)
        with psycopg.connect(url) as sync:
            handle = thumbnail.enqueue(sync, path="a")
            with pytest.raises(UsageError, match="is async"):
                handle.result(conn)
            other = await thumbnail.enqueue(conn, path="a")
            with pytest.raises(UsageError, match="is sync"):
                await other.result(sync)
        await conn.close()

    asyncio.run(main())
