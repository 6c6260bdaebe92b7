"""A connection that has gone silent while the database is well."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio

from actors.heartbeat import Heartbeat
from actors.store.protocol import Demand
from runtime.job import ClaimedJob
from runtime.limits import QueueLimits
from tests.actors.conftest import NODE, Bench, new_job, seat_for


async def test_a_renewal_that_nobody_answers_is_sent_again_in_time(bench: Bench) -> None:
    renew, renewals = bench.store.renew, 0

    async def renew_or_hang(node_id: int, lease_seconds: float) -> bool:
        nonlocal renewals
        renewals += 1
        if renewals == 3:
            await trio.sleep(30)
        return await renew(node_id, lease_seconds)

    bench.store.renew = renew_or_hang  # type: ignore[method-assign]
    heartbeat = Heartbeat(bench.store, bench.lease, NODE, lease_seconds=20.0, heartbeat_seconds=5.0)
    await bench.start(heartbeat.run)
    node_id = bench.lease.node_id
    await trio.sleep(100)
    assert bench.lease.held
    assert bench.lease.node_id == node_id


async def test_a_claim_that_nobody_answers_is_sent_again_soon(bench: Bench) -> None:
    """It took effect, too: the job is found among what the database says that we hold."""
    await bench.join()
    distributor = bench.distributor()
    seat = distributor.seat("seat")
    seat.open(("kind",))
    seat.set_load(10, 0)
    claim, claims = bench.store.claim, 0

    async def claim_and_hang(node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
        nonlocal claims
        claims += 1
        jobs = await claim(node_id, demand)
        if claims == 1:
            await trio.sleep(30)
        return jobs

    bench.store.claim = claim_and_hang  # type: ignore[method-assign]
    await bench.store.enqueue([new_job()])
    await bench.start(distributor.run)
    with trio.fail_after(12):
        (job,) = await seat.take()
    assert (job.run_number, job.attempt) == (2, 1)


@pytest.mark.parametrize("method", ["want_wakeups", "holdings", "release"])
async def test_what_claims_wait_for_is_not_waited_for_as_long_as_a_statement_may_take(
    bench: Bench, method: str
) -> None:
    await bench.join()
    distributor = bench.distributor()
    seat = seat_for(distributor)
    bench.store.faults.lose_reply("claim")  # so that there is something to look for and give back
    bench.store.faults.hold(method)
    await bench.store.enqueue([new_job()])
    await bench.start(distributor.run)
    with trio.fail_after(12):
        await seat.take()


async def test_which_queues_are_limited_is_asked_again_soon(bench: Bench) -> None:
    await bench.join()
    bench.store.limit("default", QueueLimits(concurrency=1))
    distributor = bench.distributor()
    seat = seat_for(distributor)
    bench.store.faults.hold("served")
    await bench.store.enqueue([new_job()])
    await bench.start(distributor.run)
    with trio.fail_after(12):
        await seat.take()
