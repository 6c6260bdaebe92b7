"""The Waker and the Sweeper: no wakeup is lost, whoever is first, and whoever dies in between."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
import trio

from actors import events, waker
from actors.acker import Acker, Settled
from actors.maintenance import sweeper
from actors.maintenance.sweeper import Sweeper
from actors.store.errors import DatabaseError
from actors.store.protocol import Demand, RunRecords
from actors.waker import Waker
from runtime.job import ClaimedJob, NewJob
from runtime.lifecycle import JobState
from runtime.outcome import Completed, Suspended
from runtime.workflow.ids import child_id
from runtime.workflow.records import Ask, Record, Spawn, StepRecord
from tests.actors.asking import claimed
from tests.actors.conftest import Bench


def waiting(op: str = "signal", name: str = "go", place: str = "1", **more: object) -> StepRecord:
    """An open step."""
    return StepRecord(place, op, name, done=False, **more)  # type: ignore[arg-type]


class Looks:
    """A node's Acker and Waker, and workflows that suspend themselves."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.waker = Waker(bench.store, bench.seen.append)
        self.acker = Acker(
            bench.store, bench.holdings, bench.seen.append, look_at=self.waker.look_at
        )

    async def record(self, job: ClaimedJob, ask: Ask) -> None:
        assert isinstance(ask, Record | Spawn)
        await self.bench.store.record([RunRecords(job.id, job.run_number, ask)])

    async def start(self) -> None:
        await self.bench.start(self.waker.run)
        await self.bench.start(self.acker.run)

    async def suspend(self, job: ClaimedJob, ask: Ask, seconds: float | None = None) -> None:
        """Record that it waits, and hand over the end of its run."""
        await self.record(job, ask)
        self.acker.settle([Settled(job, Suspended(seconds), workflow=True)])

    async def state(self, job: ClaimedJob | UUID) -> JobState:
        job_id = job if isinstance(job, UUID) else job.id
        return (await self.bench.store.get(job_id)).state


@pytest.fixture
async def looks(bench: Bench) -> Looks:
    return Looks(bench)


async def test_a_signal_sent_before_the_suspension_is_written_is_found(
    bench: Bench, looks: Looks
) -> None:
    """It was committed between the run's last look and its outcome; nobody heard of it."""
    await looks.start()
    (job,) = await claimed(bench)
    assert bench.store.send_signal(job.id, "go") == "sent"
    await looks.suspend(job, Record((waiting(),)))
    await trio.sleep(1)
    assert await looks.state(job) is JobState.AVAILABLE
    assert [event.jobs for event in bench.seen if isinstance(event, events.Woken)] == [1]


async def test_a_signal_sent_after_it_wakes_whoever_hears_of_it(bench: Bench, looks: Looks) -> None:
    await looks.start()
    (job,) = await claimed(bench)
    await looks.suspend(job, Record((waiting(),)))
    await trio.sleep(1)
    assert await looks.state(job) is JobState.PENDING
    bench.store.send_signal(job.id, "other")
    looks.waker.hear(str(job.id))
    await trio.sleep(1)
    assert await looks.state(job) is JobState.PENDING
    bench.store.send_signal(job.id, "go")
    looks.waker.hear(str(job.id))
    await trio.sleep(1)
    assert await looks.state(job) is JobState.AVAILABLE


async def test_a_forged_notification_changes_nothing(bench: Bench, looks: Looks) -> None:
    await looks.start()
    (job,) = await claimed(bench)
    await looks.suspend(job, Record((waiting(),)))
    for payload in ("", "no id", str(job.id), "event:", "event:nothing", "wake:" + str(job.id)):
        looks.waker.hear(payload)
    await trio.sleep(1)
    assert await looks.state(job) is JobState.PENDING


async def test_an_event_wakes_all_that_wait_for_it(bench: Bench, looks: Looks) -> None:
    await looks.start()
    jobs = await claimed(bench, 50)
    for job in jobs:
        await looks.suspend(job, Record((waiting("event", "open"),)))
    await trio.sleep(1)
    bench.store.emit_event("open")
    looks.waker.hear("event:open")
    await trio.sleep(1)
    assert {await looks.state(job) for job in jobs} == {JobState.AVAILABLE}


async def test_the_end_of_the_last_child_wakes_its_parent(bench: Bench, looks: Looks) -> None:
    await looks.start()
    (job,) = await claimed(bench)
    children = tuple(NewJob(id=child_id(job.id, "1", n), kind="kind") for n in range(3))
    await looks.suspend(job, Spawn(waiting("map", "kind", mode="first"), children))
    await trio.sleep(1)
    assert await looks.state(job) is JobState.PENDING
    begun = await _claim(bench, 3)
    looks.acker.settle([Settled(child, Completed()) for child in begun[:2]])
    await trio.sleep(1)
    assert await looks.state(job) is JobState.PENDING
    looks.acker.settle([Settled(begun[2], Completed())])
    await trio.sleep(1)
    assert await looks.state(job) is JobState.AVAILABLE


async def _claim(bench: Bench, count: int) -> list[ClaimedJob]:
    demand = [Demand("default", ("kind",), count)]
    return await bench.store.claim(bench.lease.node_id, demand)


async def test_a_look_outlasts_an_outage(bench: Bench, looks: Looks) -> None:
    await looks.start()
    (job,) = await claimed(bench)
    await looks.suspend(job, Record((waiting(),)))
    await trio.sleep(1)
    bench.store.send_signal(job.id, "go")
    bench.store.faults.fail_next("wake", error=DatabaseError("40P01", "a deadlock"))
    looks.waker.hear(str(job.id))
    await trio.sleep(0.01)
    bench.store.lose_database()
    looks.waker.hear(str(job.id))
    await trio.sleep(20)
    bench.store.find_database()
    await trio.sleep(5)
    assert await looks.state(job) is JobState.AVAILABLE


async def test_the_sweeper_finds_what_nobody_looked_at(
    bench: Bench, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the node that suspended it died before it looked."""
    looked: list[UUID] = []

    def forget(jobs: Sequence[UUID]) -> None:
        looked.extend(jobs)

    monkeypatch.setattr(looks.acker, "look_at", forget)
    await looks.start()
    (job,) = await claimed(bench)
    bench.store.send_signal(job.id, "go")
    await looks.suspend(job, Record((waiting(),)))
    await trio.sleep(1)
    assert looked == [job.id]
    assert await looks.state(job) is JobState.PENDING
    await bench.start(Sweeper(bench.store, bench.seen.append).run)
    await trio.sleep(sweeper.LOOK_SECONDS * 1.2)
    assert await looks.state(job) is JobState.AVAILABLE


async def test_where_nodes_do_not_listen_it_is_swept_every_second(bench: Bench) -> None:
    await bench.start(Sweeper(bench.store, listens=False).run)
    await trio.sleep(10)
    assert 8 <= bench.store.faults.calls["sweep_waits"] <= 12


async def test_too_many_looks_are_left_to_the_sweeper(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waker, "MOST_PENDING", 5)
    monkeypatch.setattr(waker, "MOST_EVENTS", 5)
    made = Waker(bench.store)
    made.look_at(UUID(int=number) for number in range(100))
    for number in range(100):
        made.hear(f"event:{number}")
    await bench.start(made.run)
    await trio.sleep(1)
    assert bench.store.faults.calls["wake"] == 1
    assert bench.store.faults.calls["wake_event"] == 5


async def test_a_plain_job_costs_no_look(bench: Bench, looks: Looks) -> None:
    await looks.start()
    for job in await claimed(bench, 5):
        looks.acker.settle([Settled(job, Completed())])
    await trio.sleep(1)
    assert bench.store.faults.calls["wake"] == 0
