"""The ways of `tests.system.embedding`, each in a `trio.run` that is not ours."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
import trio

from actors import ChildSpec, Life, MemoryStore, PostgresStore, open_database, run_supervised
from actors.store.protocol import Store
from runtime import TrioClient
from runtime.config import Config
from runtime.job import Job
from runtime.lifecycle import FINAL_STATES
from tests.support.processes import MARK, new_mark, wait_gone
from tests.system import embedding, jobs

BOUND_SECONDS = 60.0


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """Marks the processes that are started from this one."""
    made = new_mark()
    monkeypatch.setenv(MARK, made)
    return made


async def _final(store: Store, job_id: UUID) -> Job:
    with trio.fail_after(BOUND_SECONDS):
        while True:
            job = await store.get(job_id)
            if job.state in FINAL_STATES:
                return job
            await trio.sleep(0.01)
    raise AssertionError("unreachable")


async def _failed(store: Store, job_id: UUID) -> None:
    with trio.fail_after(BOUND_SECONDS):
        while True:
            job = await store.get(job_id)
            if job.failures:
                return
            await trio.sleep(0.01)


async def _during(run: Callable[..., Awaitable[None]], life_of_mine: list[str]) -> None:
    """Run a house with an actor of one's own for as long as that works."""
    stop = trio.Event()

    async def mine(life: Life) -> None:
        life.started()
        life_of_mine.append("started")
        await life.wait_stopping()
        life_of_mine.append("stopping")

    with trio.fail_after(BOUND_SECONDS):
        await run(ChildSpec("mine", mine), stop)


async def test_a_node_in_memory_runs_in_ones_own_supervisor(mark: str) -> None:
    store, said = MemoryStore(), list[str]()
    good, bad = jobs.add.new_job(a=1, b=2), jobs.segfault.new_job()
    await store.enqueue([good, bad])

    async def house(mine: ChildSpec, stop: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(embedding.house_in_memory, store, mine, stop)
            assert (await _final(store, good.id)).output == 3
            assert (await _final(store, bad.id)).failures[0].signal == "SIGSEGV"
            stop.set()

    await _during(house, said)
    assert said == ["started", "stopping"]
    await trio.to_thread.run_sync(wait_gone, mark)


async def test_a_node_on_postgres_runs_in_ones_own_supervisor(mark: str, url: str) -> None:
    said: list[str] = []

    async def house(mine: ChildSpec, stop: trio.Event) -> None:
        async with trio.open_nursery() as nursery, TrioClient(url=url) as client:
            nursery.start_soon(embedding.house_on_postgres, url, mine, stop)
            job = await client.enqueue(jobs.add, a=1, b=2)
            assert await job.result(timeout=BOUND_SECONDS) == 3
            nap = await client.enqueue(jobs.naps, seconds=0.01)
            assert await nap.result(timeout=BOUND_SECONDS) == 0.01
            stop.set()

    await _during(house, said)
    assert said == ["started", "stopping"]
    await trio.to_thread.run_sync(wait_gone, mark)


async def test_a_crash_of_ones_own_actor_leaves_the_node_alone(mark: str) -> None:
    store, stop = MemoryStore(), trio.Event()
    crashes = 0

    async def mine(life: Life) -> None:
        nonlocal crashes
        life.started()
        crashes += 1
        if crashes == 1:
            raise RuntimeError("mine")
        await life.wait_stopping()

    with trio.fail_after(BOUND_SECONDS):
        async with trio.open_nursery() as nursery:
            spec = ChildSpec("mine", mine)
            nursery.start_soon(embedding.house_in_memory, store, spec, stop)
            for a in range(10):
                job = jobs.add.new_job(a=a, b=1)
                await store.enqueue([job])
                assert (await _final(store, job.id)).output == a + 1
            stop.set()
    assert crashes == 2
    assert len(await store.nodes()) == 1, "the node never lost its lease"
    await trio.to_thread.run_sync(wait_gone, mark)


async def _with_few_actors(store: Store) -> None:
    """Sixty jobs, one of them bad, by a worker in this process."""
    ran_in: list[int] = []

    def add(a: int, b: int) -> int:
        ran_in.append(os.getpid())
        return a // b + a % b

    work = [jobs.add.new_job(a=7, b=b) for b in range(60)]
    await store.enqueue(work)
    stop = trio.Event()
    with trio.fail_after(BOUND_SECONDS):
        async with trio.open_nursery() as nursery:
            spec = embedding.few_actors(store, {"add": add}).spec()
            nursery.start_soon(lambda: run_supervised(spec, stop=stop))
            for job, b in zip(work[1:], range(1, 60), strict=True):
                assert (await _final(store, job.id)).output == 7 // b + 7 % b
            await _failed(store, work[0].id)
            stop.set()
    assert (await store.get(work[0].id)).failures[0].error_class == "ZeroDivisionError"
    assert set(ran_in) == {os.getpid()}
    assert not any(node.live for node in await store.nodes())


async def test_a_few_actors_serve_alone_in_memory() -> None:
    await _with_few_actors(MemoryStore())


async def test_a_few_actors_serve_alone_on_postgres(url: str) -> None:
    async with open_database(Config(database_url=url)) as bridge:
        await _with_few_actors(PostgresStore(bridge))
