"""AsyncClient under asyncio, and TrioClient under trio: as Client, awaited."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from runtime import AsyncClient, TrioClient
from runtime.client import entries, waiting
from runtime.errors import JobFailed, JobNotFound, ResultTimeout, StoreUnavailable, UsageError
from runtime.ids import uuid7
from runtime.job import NewJob
from runtime.lifecycle import JobState
from tests.client.jobs import Picture, app, listening, paths, rows, seen, thumbnail
from tests.client.node import node_by_hand
from tests.support.sessions import until


def jobs(count: int) -> Iterator[NewJob]:
    return (thumbnail.new_job(path=f"{number:04}") for number in range(count))


async def the_whole_round(client: AsyncClient | TrioClient, url: str) -> None:
    """Enqueue, look, wait, cancel, retry, a bulk: the same under asyncio and trio."""
    with node_by_hand(url) as node:
        handle = await client.enqueue(thumbnail, path="a", width=3)
        assert handle.inserted
        assert (await client.get(handle.id)).state is JobState.AVAILABLE
        with pytest.raises(ResultTimeout):
            await handle.result(timeout=0.01)
        node.do("thumbnail", '{"path":"a","width":3}')
        assert await handle.result(timeout=5) == Picture("a", 3)
        assert await client.result(handle) == Picture("a", 3)
        assert await client.result(handle.id) == {"path": "a", "width": 3}

        other = await client.enqueue("thumbnail", path="b")
        assert (await client.cancel(other.id)).state is JobState.CANCELLED
        with pytest.raises(JobFailed):
            await other.result()
        assert (await client.retry(other.id)).state is JobState.AVAILABLE
        with pytest.raises(JobNotFound):
            await client.get(uuid7())

    assert (await client.enqueue_many(jobs(5))).inserted == 5
    assert (await client.enqueue_many(jobs(2_000))).inserted == 2_000
    wrong: list[Any] = [*jobs(6_000), "job"]
    with pytest.raises(UsageError, match="job 6000 is 'job'"):
        await client.enqueue_many(wrong)
    assert len(paths(url)) == 2_007


def test_the_whole_round_under_asyncio(url: str) -> None:
    async def main() -> None:
        async with AsyncClient(app, url) as client:
            await the_whole_round(client, url)
            await client.open()
        with pytest.raises(UsageError, match="AsyncClient is not open"):
            await client.enqueue(thumbnail, path="a")

    asyncio.run(main())


async def test_the_whole_round_under_trio(url: str) -> None:
    before = threading.active_count()
    async with TrioClient(app, url) as client:
        await the_whole_round(client, url)
        await client.open()
    with pytest.raises(UsageError, match="TrioClient is not open"):
        await client.enqueue(thumbnail, path="a")
    await until(lambda: "headrace-client" not in [thread.name for thread in threading.enumerate()])
    assert threading.active_count() <= before + 1  # trio keeps its own worker thread for a while


async def test_a_cancelled_trio_task_waits_until_its_statement_has_ended(url: str) -> None:
    async with TrioClient(app, url, pool_size=1) as client:
        await client.enqueue(thumbnail, path="a")
        for pause in (0.0, 0.0005, 0.001, 0.002, 0.004):
            with trio.move_on_after(pause):
                await client.enqueue(thumbnail, path="maybe")
        with trio.move_on_after(0.05) as scope:
            await client.result((await client.enqueue(thumbnail, path="b")).id)
        assert scope.cancelled_caught
        assert (await client.enqueue(thumbnail, path="c")).inserted

    assert {"a", "b", "c"} <= set(paths(url))


async def test_a_bulk_that_is_cancelled_under_trio_writes_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 10)
    async with TrioClient(app, url, pool_size=1) as client:
        with trio.CancelScope() as scope:

            def then_cancelled() -> Iterator[NewJob]:
                yield from jobs(95)
                scope.cancel()
                yield from jobs(2_000)

            await client.enqueue_many(then_cancelled())
        assert scope.cancelled_caught
        assert paths(url) == []
        assert (await client.enqueue(thumbnail, path="after")).inserted


def test_a_bulk_that_is_cancelled_under_asyncio_writes_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 10)

    async def main() -> None:
        async with AsyncClient(app, url, pool_size=1) as client:

            def then_cancelled() -> Iterator[NewJob]:
                yield from jobs(95)
                task.cancel()
                yield from jobs(2_000)

            task = asyncio.ensure_future(client.enqueue_many(then_cancelled()))
            with pytest.raises(asyncio.CancelledError):
                await task
            assert paths(url) == []
            assert (await client.enqueue(thumbnail, path="after")).inserted

    asyncio.run(main())


def test_cancelled_units_under_asyncio_leave_sound_connections(url: str) -> None:
    async def main() -> None:
        async with AsyncClient(app, url, pool_size=1) as client:
            for number in range(30):
                task = asyncio.ensure_future(client.enqueue(thumbnail, path="maybe"))
                await asyncio.sleep(number / 10_000)
                task.cancel()
                await asyncio.wait([task])
            assert (await client.enqueue(thumbnail, path="after")).inserted

    asyncio.run(main())
    assert paths(url)[-1] == "after"


def test_whoever_waits_when_the_client_closes_is_told(url: str) -> None:
    async def main() -> None:
        async with AsyncClient(app, url) as client:
            handle = await client.enqueue(thumbnail, path="a")
            waiter = asyncio.ensure_future(handle.result())
            await seen(lambda: rows(url, "SELECT FROM headrace.waiter"))
        with pytest.raises(StoreUnavailable, match="closing"):
            await waiter

    asyncio.run(main())


async def test_whoever_waits_when_the_trio_client_closes_is_told(url: str) -> None:
    told: list[Exception] = []

    async def wait(client: TrioClient, job_id: Any) -> None:
        try:
            await client.result(job_id)
        except StoreUnavailable as error:
            told.append(error)

    async with trio.open_nursery() as nursery, TrioClient(app, url) as client:
        handle = await client.enqueue(thumbnail, path="a")
        nursery.start_soon(wait, client, handle.id)
        await until(lambda: rows(url, "SELECT FROM headrace.waiter"))
    assert len(told) == 1


def test_a_lost_listening_connection_is_opened_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LAST_PAUSE_SECONDS", 60.0)

    async def main() -> None:
        async with AsyncClient(app, url) as client:
            for number in range(3):
                handle = await client.enqueue(thumbnail, path="a")
                waiter = asyncio.ensure_future(handle.result(timeout=30))
                await seen(lambda: listening(url))
                if number < 2:
                    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ %s"
                    assert rows(url, end, "^LISTEN")
                with node_by_hand(url) as node:
                    node.do("thumbnail", f'{{"path":"a","width":{number}}}')
                assert (await waiter).width == number

    asyncio.run(main())
