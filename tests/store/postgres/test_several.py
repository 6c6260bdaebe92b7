"""SeveralStore: several namespaces, as the work of one node sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import trio

from actors.store.bridge import open_bridge
from actors.store.postgres import PostgresStore, session_of
from actors.store.protocol import Demand
from actors.store.several import NamespaceView, SeveralStore
from actors.store.several.shares import shares
from runtime.ids import uuid7
from runtime.lifecycle import JobState
from runtime.limits import QueueLimits
from tests.store.harness import PostgresHands, ack_of, new_job, node_info
from tests.store.tables import NAMESPACE, Tables

OTHER = "several_b"


@pytest.fixture(scope="module")
def other_migrated(migrated_url: str) -> Iterator[str]:
    other = Tables(migrated_url, OTHER)
    other.migrate()
    yield migrated_url
    other.connection.execute(f"DROP SCHEMA {OTHER} CASCADE".encode())
    other.close()


@pytest.fixture
async def stores(tables: Tables, other_migrated: str) -> AsyncIterator[list[PostgresStore]]:
    other = Tables(other_migrated, OTHER)
    other.empty()
    other.close()
    async with AsyncExitStack() as stack:
        yield [
            PostgresStore(
                await stack.enter_async_context(open_bridge(tables.url, session=session_of(name))),
                namespace=name,
            )
            for name in (NAMESPACE, OTHER)
        ]


@pytest.fixture
def several(stores: list[PostgresStore]) -> SeveralStore:
    return SeveralStore(stores)


def demand(places: int, queue: str = "default") -> list[Demand]:
    return [Demand(queue, ("k",), places)]


async def add(store: PostgresStore, count: int, **options: object) -> None:
    assert all(await store.enqueue([new_job(**options) for _ in range(count)]))


def test_who_holds_less_gets_more() -> None:
    assert shares(4, [0, 0], turn=0) == [2, 2]
    assert shares(4, [3, 0], turn=0) == [1, 3]
    assert shares(2, [5, 0, 1], turn=0) == [0, 2, 0]
    assert [shares(1, [0, 0], turn) for turn in (0, 1, 2)] == [[1, 0], [0, 1], [1, 0]]
    assert shares(3, [1, 1], turn=1) == [1, 2]
    assert shares(0, [0, 0], turn=0) == [0, 0]


async def test_places_are_shared_and_what_one_leaves_the_other_gets(
    stores: list[PostgresStore], several: SeveralStore
) -> None:
    await add(stores[0], 50)
    await add(stores[1], 3)
    node = await several.join(node_info(), 30.0)

    first = await several.claim(node, demand(4))
    second = await several.claim(node, demand(10))

    nodes = [several.id_in(at)(node) or 0 for at in range(2)]
    held = [await store.holdings(own) for store, own in zip(stores, nodes, strict=True)]
    ids = [{job_id for job_id, _ in runs} for runs in held]
    assert [len({job.id for job in first} & mine) for mine in ids] == [2, 2]
    assert (len(first), len(second)) == (4, 10)
    assert [len(mine) for mine in ids] == [11, 3]
    assert len(await several.claim(node, demand(100))) == 39


async def test_an_outcome_goes_where_its_run_came_from(
    stores: list[PostgresStore], several: SeveralStore
) -> None:
    for store in stores:
        await add(store, 2)
    node = await several.join(node_info(), 30.0)
    jobs = await several.claim(node, demand(4))

    acked = await several.ack([ack_of(job) for job in jobs[:3]])
    assert await several.holdings(node) == [(jobs[3].id, 1)]
    late = await several.ack([ack_of(jobs[0])])
    assert await several.release([(jobs[3].id, 1)]) == 1

    assert (acked.written, acked.stale) == (3, ())
    assert (late.written, late.stale) == (0, ((jobs[0].id, 1),))
    counts = [await store.counts() for store in stores]
    assert sum(each[JobState.COMPLETED] for each in counts) == 3
    assert sum(each[JobState.AVAILABLE] for each in counts) == 1
    # Nothing is held any more: the next claim begins as the first did.
    assert several.homes.held(2) == [0, 0]


async def test_two_jobs_of_one_id_run_one_after_the_other(
    stores: list[PostgresStore], several: SeveralStore
) -> None:
    twin = uuid7()
    for store in stores:
        await store.enqueue([new_job(id=twin)])
    node = await several.join(node_info(), 30.0)

    (job,) = await several.claim(node, demand(9))
    assert await several.holdings(node) == [(twin, 1)]
    assert await several.claim(node, demand(9)) == []
    await several.ack([ack_of(job)])
    # What the Distributor finds that it does not know, it gives back.
    assert await several.release(await several.holdings(node)) == 1
    (again,) = await several.claim(node, demand(9))
    await several.ack([ack_of(again)])

    assert [(await store.get(twin)).state for store in stores] == [JobState.COMPLETED] * 2


async def test_a_lease_that_is_lost_in_one_is_lost_in_all(
    stores: list[PostgresStore], several: SeveralStore, tables: Tables
) -> None:
    node = await several.join(node_info(), 30.0)
    assert await several.renew(node, 30.0)

    tables.connection.execute(f"UPDATE {OTHER}.node SET expires_at = now()".encode())

    assert not await several.renew(node, 30.0)
    term = await NamespaceView(stores[1], several.id_in(1)).elect(node, 10.0)
    assert not term.held  # its own id there has no lease
    await several.leave(node)
    assert [[each.live for each in await store.nodes()] for store in stores] == [[False], [False]]


async def test_what_a_dead_neighbour_held_is_given_back_in_each(
    stores: list[PostgresStore], several: SeveralStore
) -> None:
    for store in stores:
        await add(store, 1)
    dead = SeveralStore(stores)
    assert len(await dead.claim(await dead.join(node_info("dead"), 3600.0), demand(9))) == 2
    node = await several.join(node_info(), 30.0)

    for process in await several.neighbours(node):
        await several.leave(process.node_id)

    assert (await several.rescue(100)).jobs == 2
    assert len(await several.claim(node, demand(9))) == 2


async def test_wakeups_of_all_are_heard_and_pauses_of_one_are_its_own(
    stores: list[PostgresStore], several: SeveralStore
) -> None:
    node = await several.join(node_info(), 30.0)
    await several.want_wakeups(node, True)
    async with several.listen() as heard:
        await stores[0].pause("default")
        for store in stores:
            await add(store, 1)
            with trio.fail_after(10):
                note = await heard.receive()
            assert (note.topic, note.payload) == ("wakeup", "default")

    (job,) = await several.claim(node, demand(9))
    assert [(await store.counts())[JobState.RUNNING] for store in stores] == [0, 1]
    assert job.attempt == 1


async def test_limits_of_one_leave_the_same_queue_of_the_other_open(
    stores: list[PostgresStore], several: SeveralStore, tables: Tables
) -> None:
    PostgresHands(tables).limit("default", QueueLimits(concurrency=1))
    for store in stores:
        await add(store, 5)
    node = await several.join(node_info(), 30.0)
    assert (await several.served(node, any_queue=False)).limited == {"default"}

    took = await several.claim_limited(node, demand(8))

    assert len(took.jobs) == 6
    assert [(await store.counts())[JobState.RUNNING] for store in stores] == [1, 5]
