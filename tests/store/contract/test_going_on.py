"""Workflows that failed go on from there; ends that no node acked are told of."""

from __future__ import annotations

from uuid import UUID

import trio

from actors.store.protocol import Listening, RunRecords
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from runtime.workflow.ids import child_id
from runtime.workflow.records import History, Record, Recorded, Spawn, StepError, StepRecord
from tests.store.harness import OOPS, Bench, ack_of, new_job

OF = StepError("ValueError", "oops")


def done(place: str, error: StepError | None = None, op: str = "step") -> StepRecord:
    return StepRecord(place, op, f"at {place}", output="1" if error is None else None, error=error)


async def record(bench: Bench, job: ClaimedJob, *steps: StepRecord) -> None:
    (answer,) = await bench.store.record([RunRecords(job.id, job.run_number, Record(steps))])
    assert isinstance(answer, Recorded)


async def retried(bench: Bench, job: ClaimedJob) -> History:
    """What a workflow that was given up remembers once it is retried."""
    await bench.store.ack([ack_of(job, JobState.DISCARDED, failure=OOPS)])
    await bench.store.wake([job.id])
    await bench.store.retry(job.id)
    (again,) = await bench.claim(await bench.node())
    history = await bench.store.recall(again.id, again.run_number)
    assert isinstance(history, History)
    return history


async def test_a_retried_workflow_forgets_the_step_that_failed_it(bench: Bench) -> None:
    job = await bench.run_one()
    await record(bench, job, done("1"), done("2", OF))

    history = await retried(bench, job)

    assert [one.place for one in history.steps] == ["1"]


async def test_a_failure_that_the_workflow_has_caught_stays(bench: Bench) -> None:
    job = await bench.run_one()
    places = [done("1", OF), done("2"), done("3.0.1", OF), done("3.0.2"), done("3.1.1", OF)]
    await record(bench, job, *places)

    history = await retried(bench, job)

    assert [one.place for one in history.steps] == ["1", "2", "3.0.1", "3.0.2"]


async def test_a_failure_that_only_a_gather_of_nothing_stands_behind_stays(bench: Bench) -> None:
    """A gather records nothing of its own: its place may be a gap."""
    job = await bench.run_one()
    places = [
        done("1", OF),
        done("3.0.1"),
        done("3.1.1", OF),
        done("3.1.3"),
        done("10"),
        done("12", OF),
    ]
    await record(bench, job, *places)

    history = await retried(bench, job)

    assert [one.place for one in history.steps] == ["1", "10", "3.0.1", "3.1.1", "3.1.3"]


async def test_a_failure_in_a_gather_that_something_follows_stays(bench: Bench) -> None:
    job = await bench.run_one()
    await record(bench, job, done("9.0.1"), done("9.1.1", OF), done("10.0.1"))

    history = await retried(bench, job)

    assert [one.place for one in history.steps] == ["10.0.1", "9.0.1", "9.1.1"]


async def family(bench: Bench, count: int) -> tuple[ClaimedJob, list[UUID]]:
    parent = await bench.run_one()
    ids = [child_id(parent.id, "1", index) for index in range(count)]
    step = StepRecord("1", "map", "child", done=False, mode="all")
    jobs = tuple(new_job(id=each, kind="child") for each in ids)
    (answer,) = await bench.store.record([RunRecords(parent.id, 1, Spawn(step, jobs))])
    assert isinstance(answer, Recorded)
    return parent, ids


async def test_children_that_failed_are_tried_again_with_their_parent(bench: Bench) -> None:
    parent, ids = await family(bench, 3)
    claimed = await bench.claim(await bench.node(), kinds=("child",))
    failed = {job.id: job for job in claimed}[ids[1]]
    for child in claimed:
        state = JobState.DISCARDED if child is failed else JobState.COMPLETED
        failure = OOPS if child is failed else None
        await bench.store.ack([ack_of(child, state, failure=failure)])
    await record(bench, parent, StepRecord("1", "map", "child", error=OF))

    history = await retried(bench, parent)

    assert [(one.place, one.done, one.over) for one in history.steps] == [("1", False, False)]
    (again,) = await bench.claim(await bench.node(), kinds=("child",))
    assert (again.id, again.run_number) == (failed.id, 2)


async def test_children_that_were_cancelled_with_their_parent_return_with_it(bench: Bench) -> None:
    parent, ids = await family(bench, 2)
    await bench.store.cancel(parent.id)
    await bench.store.ack([ack_of(parent, JobState.CANCELLED)])
    await bench.store.wake([parent.id])
    assert [await bench.state(each) for each in ids] == [JobState.CANCELLED] * 2

    await bench.store.retry(parent.id)

    assert [await bench.state(each) for each in ids] == [JobState.AVAILABLE] * 2


async def heard(listening: Listening) -> UUID:
    """The next job that nodes are asked to look at."""
    with trio.fail_after(10):
        async for notification in listening:
            if notification.topic == "wake":
                return UUID(notification.payload)
    raise AssertionError


async def test_the_end_of_a_child_that_waited_is_told_to_its_parent(bench: Bench) -> None:
    parent, ids = await family(bench, 2)
    suspended = ack_of(parent, JobState.PENDING, delay_seconds=None, counted=False)
    await bench.store.ack([suspended])
    async with bench.store.listen() as listening:
        for child in ids:
            await bench.store.cancel(child)
            assert await heard(listening) == parent.id
    assert await bench.store.wake([parent.id]) == 1


async def test_the_end_of_a_parent_that_waited_is_told_for_its_children(bench: Bench) -> None:
    parent, ids = await family(bench, 1)
    suspended = ack_of(parent, JobState.PENDING, delay_seconds=None, counted=False)
    await bench.store.ack([suspended])
    async with bench.store.listen() as listening:
        await bench.store.cancel(parent.id)
        assert await heard(listening) == parent.id
    await bench.store.wake([parent.id])
    assert await bench.state(ids[0]) is JobState.CANCELLED


async def test_a_child_lost_with_its_node_is_told_to_its_parent(bench: Bench) -> None:
    parent, _ = await family(bench, 1)
    child = (await bench.claim(await bench.node(5), kinds=("child",)))[0]
    await bench.store.cancel(child.id)
    bench.hands.pass_time(6)
    async with bench.store.listen() as listening:
        assert (await bench.store.rescue(10)).jobs >= 1
        assert await heard(listening) == parent.id
