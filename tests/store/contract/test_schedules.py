"""Schedules, as the actors ask for them: declared, due, fired once."""

from __future__ import annotations

import pytest

from actors.store.upkeep import QueueRetention
from runtime.job import Job
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState
from runtime.schedule import Plan, ScheduleInfo, plan
from tests.store.harness import Bench, ack_of

TICK = ScheduleInfo(
    name="tick", kind="k", args='{"n":1}', interval_seconds=60.0, catch_up=3, tags=("t",)
)


async def declare(bench: Bench, *schedules: ScheduleInfo, lease_seconds: float = 1e6) -> int:
    """A node whose app defines these, and its id; the first firing of each is planned."""
    node_id = await bench.node(lease_seconds)
    await bench.store.declare_schedules(node_id, schedules)
    await fire(bench)
    return node_id


async def plans(bench: Bench) -> list[Plan]:
    due = await bench.store.due_schedules(100)
    return [plan(each, due.now) for each in due.schedules]


async def fire(bench: Bench, term: int | None = None) -> int:
    """Fire what is due; how many jobs that made."""
    return (await bench.store.fire(await plans(bench), term)).jobs


async def jobs(bench: Bench) -> list[Job]:
    """Oldest firing first."""
    return list(reversed(await bench.store.jobs(JobFilter(), limit=100)))


async def test_a_schedule_fires_when_it_is_due_and_its_job_says_for_what(bench: Bench) -> None:
    await declare(bench, TICK)
    assert await jobs(bench) == []
    before = await bench.store.due_schedules(100)
    assert before.schedules == ()
    assert before.next_due_seconds == pytest.approx(60, abs=20)

    bench.hands.pass_time(61)
    assert await fire(bench) == 1
    assert await fire(bench) == 0

    (job,) = await jobs(bench)
    assert (job.kind, job.args, job.tags, job.state) == ("k", {"n": 1}, ("t",), JobState.AVAILABLE)
    assert job.metadata["schedule"] == "tick"
    assert job.metadata["scheduled_for"] == f"{job.scheduled_at:%Y-%m-%dT%H:%M:%S.%fZ}"


async def test_a_firing_that_was_read_twice_is_made_once(bench: Bench) -> None:
    await declare(bench, TICK)
    bench.hands.pass_time(61)
    first, second = await plans(bench), await plans(bench)

    assert (await bench.store.fire(first)).jobs == 1
    again = await bench.store.fire(second)

    assert (again.schedules, again.jobs) == (0, 0)
    assert len(await jobs(bench)) == 1


async def test_a_gap_is_made_good_in_one_call(bench: Bench) -> None:
    await declare(bench, TICK)
    bench.hands.pass_time(60 * 5 + 1)

    assert await fire(bench) == 3

    first, second, third = await jobs(bench)
    assert (second.scheduled_at - first.scheduled_at).total_seconds() == 60
    assert (third.scheduled_at - second.scheduled_at).total_seconds() == 60
    assert (await bench.store.due_schedules(100)).schedules == ()


async def test_a_leader_whose_term_is_over_fires_nothing(bench: Bench) -> None:
    node_id = await declare(bench, TICK)
    over = await bench.store.elect(node_id, 15)
    bench.hands.pass_time(61)

    assert await fire(bench, over.number) == 0

    now = await bench.store.elect(node_id, 15)
    assert await fire(bench, now.number) == 1


async def test_a_schedule_that_may_not_overlap_waits_for_its_last_job(bench: Bench) -> None:
    # Not by whole intervals: where the past is moved, a firing would have the time of another.
    await declare(
        bench,
        ScheduleInfo(name="alone", kind="k", interval_seconds=60.0, overlap=False),
    )
    bench.hands.pass_time(61)
    assert await fire(bench) == 1
    bench.hands.pass_time(60.5)
    assert await fire(bench) == 0
    (run,) = await bench.claim(await bench.node())
    bench.hands.pass_time(60.5)
    assert await fire(bench) == 0
    await bench.store.ack([ack_of(run, JobState.COMPLETED)])
    assert await fire(bench) == 0  # those two are over

    bench.hands.pass_time(60.5)
    assert await fire(bench) == 1


async def test_what_the_code_says_anew_is_planned_anew_and_what_it_repeats_is_not(
    bench: Bench,
) -> None:
    node_id = await declare(bench, TICK)
    assert await bench.store.declare_schedules(node_id, [TICK]) == 0
    assert (await bench.store.due_schedules(100)).schedules == ()

    slower = ScheduleInfo(name="tick", kind="k", interval_seconds=600.0)
    assert await bench.store.declare_schedules(node_id, [slower]) == 1

    await fire(bench)
    due = await bench.store.due_schedules(100)
    assert due.next_due_seconds == pytest.approx(600, abs=20)


async def test_a_schedule_in_code_fires_only_while_a_living_nodes_app_defines_it(
    bench: Bench,
) -> None:
    await declare(bench, TICK, lease_seconds=30)
    bench.hands.pass_time(61)
    assert await fire(bench) == 0  # its node is gone

    await declare(bench, TICK)  # which fires, for what is missed is made good

    assert len(await jobs(bench)) == 1


async def test_a_schedule_with_a_problem_is_left_alone_until_the_code_mends_it(
    bench: Bench,
) -> None:
    node_id = await declare(bench, TICK)
    bench.hands.pass_time(61)
    (read,) = await plans(bench)
    broken = Plan(read.name, read.due_at, read.updated_at, problem="no such zone")

    assert (await bench.store.fire([broken])).schedules == 1
    assert (await bench.store.due_schedules(100)).schedules == ()

    mended = ScheduleInfo(name="tick", kind="k", interval_seconds=30.0)
    await bench.store.declare_schedules(node_id, [mended])
    assert [each.name for each in (await bench.store.due_schedules(100)).schedules] == ["tick"]


async def test_changed_schedules_wake_the_scheduler(bench: Bench) -> None:
    async with bench.store.listen() as notifications:
        await bench.store.declare_schedules(await bench.node(), [TICK])
        async for notification in notifications:
            if notification.topic == "due":
                assert notification.payload == "schedule"
                break


async def test_a_queue_is_swept_from_where_the_last_sweep_came_to(bench: Bench) -> None:
    for _ in range(3):
        await bench.finish()
    await bench.finish(JobState.CANCELLED)
    bench.hands.pass_time(70)
    other = QueueRetention("other", JobState.COMPLETED, 60.0)
    kept = QueueRetention("default", JobState.COMPLETED, 60.0)

    looked = await bench.store.prune_queue(other, None, 100)
    assert (looked.jobs, looked.seen) == (0, 3)
    assert (await bench.store.prune_queue(kept, looked.reached_at, 100)).seen == 0
    first = await bench.store.prune_queue(kept, None, 1)
    rest = await bench.store.prune_queue(kept, first.reached_at, 100)

    assert first.jobs + rest.jobs == 3
    assert (await bench.store.counts())[JobState.CANCELLED] == 1
    assert await bench.store.queue_retentions() == []
    assert await bench.store.reindex(()) is None
