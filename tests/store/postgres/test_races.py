"""Two at once: who wins, who waits, and that nothing is lost or done twice.

A rival transaction, whose statements are the Store's own, is left open while the Store is asked;
where the Store has to wait, the test sees it wait before the rival commits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
import pytest
import trio

from actors.store.protocol import Demand
from runtime import sql
from runtime.lifecycle import Ack, JobState
from tests.store.harness import Bench, PostgresHands, ack_of
from tests.store.tables import Tables


def execute(rival: psycopg.Connection, statement: str, *values: Any) -> None:
    """One of the Store's statements, in the rival's transaction."""
    psycopg.RawCursor(rival).execute(sql.load(statement), values)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - nothing tells us
            await trio.sleep(0.005)


class Asked:
    """An answer of the Store that somebody waits for in the background."""

    def __init__(self, nursery: trio.Nursery, ask: Callable[[], Awaitable[Any]]) -> None:
        self.answer: Any = None
        self._done = trio.Event()
        nursery.start_soon(self._run, ask)

    async def _run(self, ask: Callable[[], Awaitable[Any]]) -> None:
        self.answer = await ask()
        self._done.set()

    async def wait(self) -> Any:
        with trio.fail_after(20):
            await self._done.wait()
        return self.answer


def expire_leases(tables: Tables) -> None:
    tables.connection.execute("UPDATE node SET expires_at = now() - interval '1 s'")


async def test_nodes_that_claim_at_once_share_nothing(bench: Bench) -> None:
    ids = await bench.add(600)
    nodes = [await bench.node() for _ in range(6)]
    claimed: list[Any] = []

    async def claim_until_dry(node: int) -> None:
        while jobs := await bench.claim(node, places=17):
            claimed.extend(job.id for job in jobs)

    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(claim_until_dry, node)

    assert sorted(claimed) == ids


async def test_a_claim_steps_over_what_another_is_taking(bench: Bench, tables: Tables) -> None:
    first, second = await bench.add(2)
    mine, other = await bench.node(), await bench.node()
    with tables.rival() as rival:
        execute(rival, "claim", other, ["default"], ['{"k"}'], [1], [None])

        assert [job.id for job in await bench.claim(mine)] == [second]

    assert await bench.store.holdings(other) == [(first, 1)]


async def test_a_renewal_in_flight_saves_its_node_from_rescue(bench: Bench, tables: Tables) -> None:
    await bench.add()
    node = await bench.node(lease_seconds=1)
    await bench.claim(node)
    with tables.rival() as rival:
        execute(rival, "renew", node, 30.0)
        await until(lambda: _lease_is_over(tables, node))

        rescued = await bench.store.rescue(100)

        assert (rescued.nodes, rescued.jobs) == ((), 0)
    assert (await bench.store.rescue(100)).jobs == 0
    assert len(await bench.store.holdings(node)) == 1


def _lease_is_over(tables: Tables, node: int) -> bool:
    row = tables.connection.execute(
        "SELECT expires_at <= now() FROM node WHERE id = %s", [node]
    ).fetchone()
    assert row is not None
    return bool(row[0])


async def test_a_renewal_that_came_after_rescue_fails(bench: Bench, tables: Tables) -> None:
    await bench.add()
    node = await bench.node()
    await bench.claim(node)
    async with trio.open_nursery() as nursery:
        with tables.rival() as rival:
            rival.execute("UPDATE node SET expires_at = now() - interval '1 s'")
            execute(rival, "rescue", 100, None)
            # Even if the clock were set back meanwhile:
            rival.execute("UPDATE node SET expires_at = now() + interval '1 h'")
            renewal = Asked(nursery, lambda: bench.store.renew(node, 30))
            await until(lambda: tables.blocked() == 1)
        assert await renewal.wait() is False


async def test_an_ack_in_flight_wins_over_rescue(bench: Bench, tables: Tables) -> None:
    await bench.add()
    (job,) = await bench.claim(await bench.node())
    expire_leases(tables)
    with tables.rival() as rival:
        execute(rival, "ack_completed", [job.id], [1], ["7"], [None], [None], [None])

        assert (await bench.store.rescue(100)).jobs == 0

    assert await bench.state(job.id) is JobState.COMPLETED


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.RETRYABLE])
async def test_an_ack_that_waited_for_a_rescue_is_stale(
    bench: Bench, tables: Tables, state: JobState
) -> None:
    await bench.add()
    (job,) = await bench.claim(await bench.node())
    expire_leases(tables)
    async with trio.open_nursery() as nursery:
        with tables.rival() as rival:
            execute(rival, "rescue", 100, None)
            ack = Asked(nursery, lambda: bench.store.ack([ack_of(job, state)]))
            await until(lambda: tables.blocked() == 1)
        assert (await ack.wait()).stale == ((job.id, 1),)
    assert await bench.state(job.id) is JobState.AVAILABLE


async def test_what_a_zombie_claimed_after_its_rescue_is_rescued_next(
    bench: Bench, tables: Tables
) -> None:
    (job_id,) = await bench.add()
    node = await bench.node()
    with tables.rival() as rival:
        execute(rival, "claim", node, ["default"], ['{"k"}'], [1], [None])
        expire_leases(tables)
        assert (await bench.store.rescue(100)).jobs == 0
    assert await bench.store.holdings(node) == [(job_id, 1)]

    assert (await bench.store.rescue(100)).jobs == 1

    assert await bench.state(job_id) is JobState.AVAILABLE


@pytest.mark.parametrize("state", [JobState.RETRYABLE, JobState.AVAILABLE, JobState.SCHEDULED])
async def test_an_ack_that_waited_for_a_cancellation_obeys_it(
    bench: Bench, tables: Tables, state: JobState
) -> None:
    job = await bench.run_one()
    async with trio.open_nursery() as nursery:
        with tables.rival() as rival:
            execute(rival, "cancel", job.id, None, False)
            ack = Asked(nursery, lambda: bench.store.ack([ack_of(job, state, delay_seconds=9)]))
            await until(lambda: tables.blocked() == 1)
        acked = await ack.wait()
    assert (acked.written, acked.cancelled) == (1, 1)
    assert await bench.state(job.id) is JobState.CANCELLED


async def test_a_completion_that_waited_for_a_cancellation_obeys_it(
    bench: Bench, tables: Tables
) -> None:
    job = await bench.run_one()
    async with trio.open_nursery() as nursery:
        with tables.rival() as rival:
            execute(rival, "cancel", job.id, None, False)
            ack = Asked(nursery, lambda: bench.store.ack([ack_of(job)]))
            await until(lambda: tables.blocked() == 1)
        acked = await ack.wait()
    assert (acked.written, acked.cancelled) == (1, 1)
    assert await bench.state(job.id) is JobState.CANCELLED


async def test_batches_of_the_same_jobs_in_any_order_do_not_deadlock(
    bench: Bench, tables: Tables
) -> None:
    await bench.add(2)
    first, last = await bench.claim(await bench.node())

    def acks(state: JobState, *jobs: Any) -> list[Ack]:
        return [ack_of(job, state) for job in jobs]

    orders: Sequence[Callable[[], Awaitable[Any]]] = [
        lambda: bench.store.ack(acks(JobState.COMPLETED, first, last)),
        lambda: bench.store.ack(acks(JobState.COMPLETED, last, first)),
        lambda: bench.store.ack(acks(JobState.DISCARDED, last, first)),
        lambda: bench.store.release([(last.id, 1), (first.id, 1)]),
    ]
    async with trio.open_nursery() as nursery:
        with tables.rival() as rival:
            rival.execute("SELECT FROM job WHERE id = %s FOR UPDATE", [last.id])
            asked = [Asked(nursery, order) for order in orders]
            await until(lambda: tables.blocked() == len(orders))
        answers = [await one.wait() for one in asked]

    written = [answer if isinstance(answer, int) else answer.written for answer in answers]
    assert sorted(written) == [0, 0, 0, 2]


async def test_who_began_to_wait_while_the_ack_was_under_way_is_told(
    bench: Bench, tables: Tables
) -> None:
    job = await bench.run_one()
    hands = PostgresHands(tables)
    async with bench.store.listen() as notifications, trio.open_nursery() as nursery:
        with tables.rival() as rival:
            rival.execute("SELECT FROM job FOR UPDATE")
            ack = Asked(nursery, lambda: bench.store.ack([ack_of(job)]))
            await until(lambda: tables.blocked() == 1)  # its snapshot is taken
            hands.wait_for(job.id)
        await ack.wait()
        with trio.fail_after(10):
            notification = await notifications.receive()

    assert (notification.topic, notification.payload) == ("finished", str(job.id))


async def test_of_many_that_ask_at_once_one_is_elected(bench: Bench) -> None:
    nodes = [await bench.node() for _ in range(8)]
    terms = []

    async def ask(node: int) -> None:
        terms.append(await bench.store.elect(node, 60))

    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(ask, node)

    assert sorted(term.held for term in terms) == [False] * 7 + [True]
    assert [term.number for term in terms if term.held] == [1]


async def test_stagers_that_meet_share_nothing(bench: Bench, tables: Tables) -> None:
    await bench.add(100, delay_seconds=10)
    tables.pass_time(11)
    staged = []

    async def stage() -> None:
        while (found := await bench.store.stage(7)).jobs:
            staged.append(found.jobs)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(stage)

    assert sum(staged) == 100


async def test_a_store_works_whatever_isolation_the_database_has(
    bench: Bench, tables: Tables
) -> None:
    tables.connection.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation ="
        " serializable', current_database()); END $$"
    )
    try:
        await bench.add(40)
        nodes = [await bench.node() for _ in range(4)]
        async with trio.open_nursery() as nursery:
            for node in nodes:
                demand = [Demand("default", ("k",), 10)]
                nursery.start_soon(bench.store.claim, node, demand)
    finally:
        tables.connection.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL', current_database()); END $$"
        )

    assert (await bench.store.counts())[JobState.RUNNING] == 40
