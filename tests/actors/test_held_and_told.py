"""Holdings that are overtaken; hints that are wrong or missed: none costs more than a look."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from actors import events
from actors.control import Control
from actors.distributor import Distributor
from actors.holdings import Holdings
from actors.store.protocol import Demand
from runtime.job import ClaimedJob
from tests.actors.conftest import Bench, new_job
from tests.actors.puppet import claimed


def _again(job: ClaimedJob) -> ClaimedJob:
    """The next run of the same job."""
    fields = {field: getattr(job, field) for field in job.__struct_fields__}
    return ClaimedJob(**{**fields, "run_number": job.run_number + 1})


def test_a_job_claimed_again_before_its_last_outcome_was_answered_counts_once() -> None:
    """Given back by an ack whose answer is under way, and claimed again meanwhile."""
    holdings, first = Holdings(), claimed(1)
    second = _again(first)
    holdings.take([first])
    holdings.take([second])
    holdings.drop([(first.id, 1)])
    assert holdings.in_queue("default") == 1
    assert (second.id, 2) in holdings
    holdings.drop([(second.id, 2)])
    assert holdings.in_queue("default") == 0
    assert len(holdings) == 0


async def test_nonsense_from_a_stranger_does_not_stop_control(bench: Bench) -> None:
    distributor = bench.distributor()
    control = Control(bench.store, bench.lease, bench.holdings, distributor, [], bench.seen.append)
    await bench.start(control.run)
    for payload in ("", "cancel", "cancel:", "cancel:nonsense", "fly:me", ":::", "\u20ac"):
        control.hear(payload)
    await trio.sleep(1)
    control.hear("pause:default")
    await trio.sleep(1)
    assert await _claims(bench, distributor) == 0


async def _claims(bench: Bench, distributor: Distributor) -> int:
    """How many claims a wakeup leads to."""
    before = len(bench.saw(events.Claimed))
    distributor.wake()
    await trio.sleep(0.1)
    return len(bench.saw(events.Claimed)) - before


async def test_a_resume_that_was_missed_is_made_good_by_the_poll(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=5)
    seat = distributor.seat("seat")
    seat.open(("kind",))
    seat.set_load(10, 0)
    await bench.start(distributor.run)
    distributor.pause("default")  # and the hint of its end is lost
    await bench.store.enqueue([new_job()])
    with trio.fail_after(6):
        (job,) = await seat.take()
    assert job.kind == "kind"


async def test_a_claim_that_takes_effect_after_all_looks_is_found_by_a_later_one(
    bench: Bench,
) -> None:
    node_id = await bench.join()
    distributor = bench.distributor(poll_seconds=5)
    seat = distributor.seat("seat")
    seat.open(("kind",))
    seat.set_load(10, 0)
    await bench.start(distributor.run)
    await trio.sleep(1)
    # The claim of a connection that was given up long ago reaches the database now.
    await bench.store.enqueue([new_job(delay_seconds=0.001)])
    await trio.sleep(0.01)
    await bench.store.stage(10)
    taken = await bench.store.claim(node_id, [Demand("default", ("kind",), 1)])
    assert len(taken) == 1
    with trio.fail_after(120):
        (job,) = await seat.take()
    assert (job.id, job.run_number, job.attempt) == (taken[0].id, 2, 1)


async def test_a_claim_finds_the_places_that_it_was_promised(bench: Bench) -> None:
    """While it is under way, runs turn out to be longer and the Worker's capacity shrinks."""
    await bench.join()
    distributor = bench.distributor()
    seat = distributor.seat("seat")
    seat.open(("kind",))
    seat.set_load(10, 0)
    claim = bench.store.claim

    async def slow_claim(node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
        jobs = await claim(node_id, demand)
        seat.set_load(3, 0)
        return jobs

    bench.store.claim = slow_claim  # type: ignore[method-assign]
    await bench.store.enqueue([new_job() for _ in range(20)])
    await bench.start(distributor.run)
    assert len(await seat.take()) == 10
    assert seat.free == 3, "the next claim asks for no more than is wanted now"
    assert bench.saw(events.Released) == []


async def test_a_seat_that_closed_meanwhile_is_given_nothing(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor()
    seat = distributor.seat("seat")
    seat.open(("kind",))
    seat.set_load(10, 0)
    claim = bench.store.claim

    async def slow_claim(node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
        jobs = await claim(node_id, demand)
        seat.close()
        return jobs

    bench.store.claim = slow_claim  # type: ignore[method-assign]
    await bench.store.enqueue([new_job() for _ in range(20)])
    await bench.start(distributor.run)
    await trio.sleep(1)
    assert seat.take_unread() == []
    assert len(bench.holdings) == 0
