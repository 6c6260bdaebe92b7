"""Batches between Distributor and child: seats, hand-over, the ladder, and what goes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio

from actors.acker import Acker
from actors.capacity import Capacity
from actors.child import Child, ChildExit
from actors.dealing import deal
from actors.seat import Seat
from actors.tenure import Tenure
from actors.tenure_settings import TenureSettings
from runtime.batch import Batch
from runtime.ids import uuid7
from runtime.job import ClaimedJob, KindInfo
from runtime.outcome import Cancelled, Completed, Failed, GivenBack
from tests.actors.puppet import Ledger, Puppet

KINDS = {
    "plain": KindInfo("plain"),
    "many": KindInfo("many", batch=Batch(max_jobs=4, wait_ms=100)),
}


def claimed(run_number: int, kind: str = "many", timeout: float | None = None) -> ClaimedJob:
    return ClaimedJob(
        uuid7(), run_number, kind, "default", "{}", 1, 25, timeout, "{}", 0.0, key=None, crashes=0
    )


class Stage:
    """A Tenure with a seat for plain jobs and one for those that are gathered."""

    def __init__(self) -> None:
        self.puppet, self.ledger = Puppet(), Ledger()
        self.ledger.roomy.set()
        self.again: list[ClaimedJob] = []
        self.seat, self.many = (Seat(name, on_change=lambda: None) for name in ("plain", "many"))
        self.seat.open(("plain",))
        self.many.open(("many",), gathers=True)
        self.tenure = Tenure(
            may_begin=lambda: True,
            worker=0,
            child=cast("Child", self.puppet),
            seat=self.seat,
            acker=cast("Acker", self.ledger),
            kinds=KINDS,
            settings=TenureSettings(grace_seconds=5.0),
            capacity=Capacity(),
            redeal=self._redeal,
            batch_seats={"many": self.many},
        )

    def _redeal(self, jobs: object) -> list[ClaimedJob]:
        self.again += cast("list[ClaimedJob]", jobs)
        return []

    def outcomes(self) -> list[tuple[int, str]]:
        return sorted(self.ledger.outcomes())


@asynccontextmanager
async def on_stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        await trio.testing.wait_all_tasks_blocked()
        yield stage
        stage.puppet.die(ChildExit(1, exit_status=0))


@pytest.fixture
async def batching() -> AsyncIterator[Stage]:
    async with on_stage() as it:
        yield it


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked()


async def test_a_batch_kind_has_the_places_of_one_batch_though_runs_are_long(
    batching: Stage,
) -> None:
    assert (batching.seat.free, batching.many.free) == (1, 4)
    batching.many.give([claimed(1)])
    await settle()
    assert (batching.seat.free, batching.many.free) == (0, 3), "what is gathered is one call"

    batching.many.give([claimed(n) for n in (2, 3, 4)])
    await settle()
    frames = list(batching.puppet.handed.values())
    assert [(frame.run_number, frame.batch) for frame in frames] == [(1, 4), (2, 0), (3, 0), (4, 0)]
    assert (batching.seat.free, batching.many.free) == (0, 0)

    batching.puppet.begin(4)
    batching.puppet.say(*(batching.puppet.done(seq) for seq in (1, 2, 3, 4)))
    await settle()
    assert batching.many.free == 4
    assert batching.tenure.capacity.mean_seconds == 0.001, "one call was observed"


async def test_a_batch_that_stays_small_is_handed_over_when_its_first_has_waited(
    batching: Stage,
) -> None:
    began = trio.current_time()
    batching.many.give([claimed(1)])
    await settle()
    await trio.sleep(0.05)
    batching.many.give([claimed(2)])
    while len(batching.puppet.handed) < 2:  # noqa: ASYNC110 - the clock jumps
        await trio.sleep(0.001)
    assert trio.current_time() - began == pytest.approx(0.1, abs=0.01)
    assert [frame.batch for frame in batching.puppet.handed.values()] == [2, 0]


async def hand_over(batching: Stage, jobs: list[ClaimedJob]) -> None:
    batching.many.give(jobs)
    await settle()
    batching.puppet.begin(len(jobs))


async def test_the_cancel_of_one_job_never_kills_the_call_of_the_others(batching: Stage) -> None:
    jobs = [claimed(n) for n in (1, 2, 3, 4)]
    await hand_over(batching, jobs)
    assert batching.tenure.cancel(jobs[1].id, "not wanted")
    await trio.sleep(60)
    assert not batching.puppet.was_killed()

    for job in jobs:
        batching.tenure.cancel(job.id)
    await trio.sleep(8)
    assert batching.puppet.was_killed(), "nobody is left for whom it might go on"
    await settle()
    assert batching.outcomes() == [(n, "Cancelled") for n in (1, 2, 3, 4)]


async def test_the_shortest_timeout_is_that_of_the_batch(batching: Stage) -> None:
    await hand_over(batching, [claimed(1), claimed(2, timeout=2.0), claimed(3), claimed(4)])
    batching.puppet.say(batching.puppet.done(1, Completed("1")))
    await trio.sleep(8)
    assert batching.puppet.was_killed()
    await settle()
    assert batching.outcomes() == [(1, "Completed"), (2, "Failed"), (3, "Failed"), (4, "Failed")]
    failed = [each.outcome for each in batching.ledger.settled if isinstance(each.outcome, Failed)]
    assert {outcome.failure.error_class for outcome in failed} == {"JobTimeout"}


async def test_a_death_is_charged_to_all_that_were_not_marked(batching: Stage) -> None:
    await hand_over(batching, [claimed(n) for n in (1, 2, 3, 4)])
    batching.puppet.say(batching.puppet.done(2, Completed("2")))
    batching.puppet.die(ChildExit(1, signal="SIGSEGV", cause="signal"))
    await settle()
    by_number = {each.job.run_number: each.outcome for each in batching.ledger.settled}
    assert by_number.pop(2) == Completed("2")
    assert all(isinstance(each, Failed) and each.crashed for each in by_number.values())


async def test_what_is_gathered_can_be_cancelled_and_goes_on_elsewhere_when_a_child_dies(
    batching: Stage,
) -> None:
    first, second = claimed(1), claimed(2)
    batching.many.give([first, second])
    await settle()
    assert batching.tenure.cancel(first.id, "not wanted")
    (settled,) = batching.ledger.settled
    assert isinstance(settled.outcome, Cancelled)
    assert settled.outcome.failure.message == "not wanted"
    batching.puppet.die(ChildExit(1, exit_status=1))
    await settle()
    assert batching.again == [second]


async def test_a_batch_behind_a_long_run_is_dealt_again_as_a_whole(batching: Stage) -> None:
    batching.seat.give([claimed(9, "plain")])
    batching.many.give([claimed(n) for n in (1, 2, 3, 4)])
    await settle()
    batching.puppet.begin(1)
    await trio.sleep(5)
    assert sorted(job.run_number for job in batching.again) == [1, 2, 3, 4]
    assert batching.many.free == 0, "not while that run goes on"
    batching.puppet.say(batching.puppet.done(1, GivenBack("x")))
    await settle()
    assert batching.many.free == 4


def test_jobs_to_be_gathered_go_where_a_batch_is_growing_and_can_soon_begin() -> None:
    busy, growing, empty = (Seat(name, on_change=lambda: None) for name in "abc")
    for seat, held in ((busy, 2), (growing, 3), (empty, 0)):
        seat.open(("many",), gathers=True)
        seat.set_load(4, held)
    busy.busy = True
    left = deal([claimed(n) for n in range(8)], [busy, growing, empty], lambda seat: seat.free)
    dealt = [len(seat.take_unread()) for seat in (busy, growing, empty)]
    assert (dealt, len(left)) == ([2, 1, 4], 1)
