"""In the dark, where no call is answered: who has lost the lease leaves at once, and joins anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors.acker import Acker, Settled
from actors.heartbeat import Heartbeat
from actors.kit import Life
from actors.maintenance.elector import Elector
from actors.maintenance.rescuer import Rescuer
from actors.maintenance.term import HeldTerm
from runtime.outcome import Completed
from tests.actors.conftest import NODE, Bench, new_job, seat_for

Run = Callable[[Life], Awaitable[None]]


async def stopping_seconds(bench: Bench, run: Run, *, lost: bool) -> float:
    """Start it, let it run into the dark, and stop it: how long that takes."""
    ended = trio.Event()

    async def until_end(life: Life) -> None:
        await run(life)
        ended.set()

    life = await bench.start(until_end)
    await wait_all_tasks_blocked()
    if lost:
        bench.lease.end()
    began = trio.current_time()
    life.ask_to_stop()
    with trio.move_on_after(100):
        await ended.wait()
    return trio.current_time() - began


async def pending_acker(bench: Bench) -> Acker:
    await bench.store.enqueue([new_job()])
    distributor = bench.distributor()
    seat = seat_for(distributor)
    life = await bench.start(distributor.run)
    (job,) = await seat.take()
    life.ask_to_stop()
    acker = Acker(bench.store, bench.holdings, bench.seen.append, bench.lease)
    acker.settle([Settled(job, Completed("null"))])
    return acker


async def test_the_acker_leaves_outcomes_to_the_next_incarnation_without_a_lease(
    bench: Bench,
) -> None:
    await bench.join()
    acker = await pending_acker(bench)
    bench.store.faults.hold("ack")
    assert await stopping_seconds(bench, acker.run, lost=True) < 0.1
    assert acker.pending == 1
    assert await stopping_seconds(bench, acker.run, lost=False) < 0.1
    assert acker.pending == 0


async def test_the_acker_writes_all_outcomes_under_a_lease(bench: Bench) -> None:
    await bench.join()
    acker = await pending_acker(bench)
    bench.store.faults.slow("ack", 3.0)
    assert await stopping_seconds(bench, acker.run, lost=False) == pytest.approx(3.0)
    assert acker.pending == 0


@pytest.mark.parametrize("lost", [True, False], ids=["lease lost", "lease held"])
async def test_a_claim_is_waited_for_under_a_lease_alone(bench: Bench, lost: bool) -> None:
    await bench.join()
    distributor = bench.distributor()
    seat_for(distributor)
    bench.store.faults.slow("claim", 4.0)
    took = await stopping_seconds(bench, distributor.run, lost=lost)
    assert took == pytest.approx(0.0 if lost else 4.0, abs=0.01)


async def test_maintenance_waits_for_no_answer(bench: Bench) -> None:
    await bench.join()
    bench.store.faults.hold("rescue")
    assert await stopping_seconds(bench, Rescuer(bench.store).run, lost=False) < 0.1


async def test_a_candidate_that_may_have_been_elected_resigns(bench: Bench) -> None:
    await bench.join()
    bench.store.faults.hold("elect", after=True)
    elector = Elector(bench.store, bench.lease, HeldTerm())
    assert await stopping_seconds(bench, elector.run, lost=False) < 0.1
    other = await bench.store.join(NODE, 1e6)
    assert (await bench.store.elect(other, 10.0)).held


async def test_a_join_that_is_not_answered_is_asked_for_again(bench: Bench) -> None:
    bench.store.faults.hold("join")
    heartbeat = Heartbeat(bench.store, bench.lease, NODE, lease_seconds=20.0, heartbeat_seconds=5.0)
    began = trio.current_time()
    await bench.start(heartbeat.run)
    assert 5.0 <= trio.current_time() - began < 7.0
    assert bench.lease.held
