"""Workflows that clean up before they end, and jobs that are held back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from actors.store.protocol import RunRecords
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from runtime.outcome import Failure
from runtime.workflow.cancelling import CANCEL
from runtime.workflow.history import WATCH
from runtime.workflow.ids import child_id
from runtime.workflow.records import History, Record, Recorded, Spawn, StepError, StepRecord
from tests.store.harness import OOPS, Bench, ack_of, new_job

KILLED = Failure("JobCancelled", "did not stop when told to", signal="SIGKILL")
AVAILABLE, PENDING, CANCELLED = JobState.AVAILABLE, JobState.PENDING, JobState.CANCELLED
WATCHES = StepRecord(WATCH, "signal", CANCEL, done=False)
TOLD = StepRecord(WATCH, "signal", CANCEL)
OOPS_TOLD = StepError("JobCancelled", "why")
WAITS = StepRecord("1", "signal", "go", done=False)


async def record(bench: Bench, job: ClaimedJob, *steps: StepRecord) -> None:
    (answer,) = await bench.store.record([RunRecords(job.id, job.run_number, Record(steps))])
    assert isinstance(answer, Recorded)


async def begun(bench: Bench, *steps: StepRecord, **options: Any) -> ClaimedJob:
    """The run of a workflow that has recorded these."""
    job = await bench.run_one(**options)
    await record(bench, job, *steps)
    return job


async def end(bench: Bench, job: ClaimedJob, state: JobState = PENDING, **more: Any) -> JobState:
    """The state that a run's end leads to."""
    delay = 60.0 if state in (JobState.SCHEDULED, JobState.RETRYABLE) else None
    given = {"delay_seconds": delay, "counted": False, **more}
    assert (await bench.store.ack([ack_of(job, state, **given)])).written == 1
    return await bench.state(job.id)


async def again(bench: Bench, job_id: UUID) -> tuple[ClaimedJob, History]:
    """Its next run, and what that learns."""
    claimed = await bench.claim(await bench.node())
    (job,) = (each for each in claimed if each.id == job_id)
    history = await bench.store.recall(job.id, job.run_number)
    assert isinstance(history, History)
    return job, history


async def test_a_waiting_workflow_that_watches_is_told_once_and_then_ends(bench: Bench) -> None:
    job = await begun(bench, WATCHES, WAITS)
    await end(bench, job)
    for reason in ("why", "once more"):
        shown = await bench.store.cancel(job.id, reason)
        assert (shown.state, shown.cancel_reason) == (AVAILABLE, "why")
        assert shown.cancel_requested_at is not None
    bench.hands.pass_time(1)
    node = await bench.node()
    (run,) = await bench.claim(node)
    history = await bench.store.recall(run.id, run.run_number)
    assert isinstance(history, History)
    assert (history.cancelled, history.reason, history.expired) == (True, "why", False)
    assert await bench.store.awaiting_cancel(node) == {}, "it knows"
    (first,) = await bench.store.recall_first([(run.id, run.run_number)])
    assert isinstance(first, History)
    assert first.reason == "why"
    await record(bench, run, TOLD, StepRecord("2", "sleep", "", done=False))
    assert await end(bench, run, JobState.SCHEDULED) is JobState.SCHEDULED, "it cleans up"
    assert (await bench.store.cancel(job.id)).state is JobState.SCHEDULED
    bench.hands.pass_time(61)
    await bench.store.stage(10)
    run, _ = await again(bench, job.id)
    assert await end(bench, run, JobState.COMPLETED) is CANCELLED


@pytest.mark.parametrize(
    ("state", "failure"),
    [(PENDING, None), (JobState.RETRYABLE, OOPS), (AVAILABLE, None), (CANCELLED, KILLED)],
)
async def test_one_that_runs_is_told_in_the_next_run(
    bench: Bench, state: JobState, failure: Failure | None
) -> None:
    job = await begun(bench, WATCHES)
    assert (await bench.store.cancel(job.id)).state is JobState.RUNNING
    node = await bench.node()
    assert await end(bench, job, state, failure=failure) is AVAILABLE
    bench.hands.pass_time(1)
    run, history = await again(bench, job.id)
    assert history.cancelled
    assert await bench.store.awaiting_cancel(node) == {}
    assert await end(bench, run, JobState.RETRYABLE, failure=OOPS) is JobState.RETRYABLE


@pytest.mark.parametrize("watches", [True, False])
async def test_without_a_watch_or_by_force_it_ends_at_once(bench: Bench, watches: bool) -> None:
    steps = (WATCHES, WAITS) if watches else (WAITS,)
    waiting = await begun(bench, *steps)
    await end(bench, waiting)
    assert (await bench.store.cancel(waiting.id, force=watches)).state is CANCELLED
    running = await begun(bench, *steps)
    await bench.store.cancel(running.id, force=watches)
    assert await end(bench, running) is CANCELLED
    (fresh,) = await bench.add()
    assert (await bench.store.cancel(fresh)).state is CANCELLED


@pytest.mark.parametrize("lost", ["rescued", "released"])
async def test_a_clean_up_outlives_its_node(bench: Bench, lost: str) -> None:
    job = await begun(bench, WATCHES)
    await bench.store.cancel(job.id)
    if lost == "released":
        await bench.store.release([(job.id, job.run_number)])
    else:
        bench.hands.pass_time(1000)
        assert (await bench.store.rescue(10)).jobs == 1
    assert await bench.state(job.id) is AVAILABLE


async def test_children_that_clean_up_do_when_nobody_waits_for_them(bench: Bench) -> None:
    parent = await begun(bench, WATCHES)
    new = [new_job(id=child_id(parent.id, "1", index), kind="child") for index in range(2)]
    step = StepRecord("1", "map", "child", done=False, output='{"count":2}', mode="first")
    spawn = RunRecords(parent.id, parent.run_number, Spawn(step, tuple(new)))
    assert isinstance((await bench.store.record([spawn]))[0], Recorded)
    await end(bench, parent)
    claimed = await bench.claim(await bench.node(), kinds=["child"], places=1)
    await record(bench, claimed[0], WATCHES, WAITS)
    await end(bench, claimed[0])
    await bench.store.cancel(parent.id)
    await bench.store.wake([parent.id])
    by_id = {each.id: await bench.state(each.id) for each in new}
    assert by_id.pop(claimed[0].id) is AVAILABLE
    assert list(by_id.values()) == [CANCELLED]
    assert (await bench.store.get(claimed[0].id)).cancel_reason
    await bench.store.sweep_waits(10)
    assert await bench.state(claimed[0].id) is AVAILABLE


async def test_a_deadline_is_told_to_who_cleans_up_and_ends_the_others(bench: Bench) -> None:
    cleans = await begun(bench, WATCHES, WAITS, expires_seconds=10.0)
    await end(bench, cleans)
    plain = await begun(bench, WAITS, expires_seconds=10.0)
    await end(bench, plain)
    running = await begun(bench, WATCHES, expires_seconds=10.0)
    bench.hands.pass_time(11)
    assert await bench.store.expire(10) == 2
    assert await bench.store.expire(10) == 0
    assert await bench.state(plain.id) is JobState.DISCARDED
    expired = Failure("Expired", "not begun")
    assert await end(bench, running, JobState.DISCARDED, failure=expired) is AVAILABLE
    claimed = await bench.claim(await bench.node())
    assert {each.id for each in claimed} == {cleans.id, running.id}
    for run in claimed:
        assert run.expires_seconds is None
        history = await bench.store.recall(run.id, run.run_number)
        assert isinstance(history, History)
        assert (history.cancelled, history.expired) == (False, True)
        assert (await bench.store.get(run.id)).expires_at is not None
        await record(bench, run, TOLD)
        assert await end(bench, run) is PENDING
    assert await bench.store.expire(10) == 0


async def test_a_paused_job_is_woken_by_nothing_but_its_resumption(bench: Bench) -> None:
    job = await begun(bench, WAITS)
    await end(bench, job)
    for _ in range(2):
        shown = await bench.store.pause_job(job.id)
        assert (shown.state, shown.paused_at is not None) == (PENDING, True)
    assert bench.hands.send_signal(job.id, "go") == "sent"
    assert await bench.store.wake([job.id]) == 0
    assert await bench.store.sweep_waits(10) == 0
    assert (await bench.store.retry(job.id)).state is PENDING
    shown = await bench.store.resume_job(job.id)
    assert (shown.state, shown.paused_at) == (AVAILABLE, None), "what came meanwhile counts"
    assert (await bench.store.resume_job(job.id)).state is AVAILABLE


async def test_a_paused_job_comes_back_to_where_it_was(bench: Bench) -> None:
    waiting = await begun(bench, StepRecord("1", "signal", "never", done=False))
    await end(bench, waiting)
    (available,) = await bench.add()
    (scheduled,) = await bench.add(delay_seconds=50.0)
    (due,) = await bench.add(delay_seconds=5.0)
    for job_id in (available, scheduled, due, waiting.id):
        assert (await bench.store.pause_job(job_id)).state is PENDING
    bench.hands.pass_time(10)
    assert (await bench.store.stage(10)).jobs == 0
    assert await bench.claim(await bench.node()) == []
    states = [
        (await bench.store.resume_job(job_id)).state
        for job_id in (available, scheduled, due, waiting.id)
    ]
    assert states == [AVAILABLE, JobState.SCHEDULED, AVAILABLE, PENDING]


@pytest.mark.parametrize(
    ("state", "after", "back"),
    [
        (PENDING, PENDING, PENDING),
        (JobState.SCHEDULED, PENDING, JobState.SCHEDULED),
        (JobState.RETRYABLE, PENDING, JobState.RETRYABLE),
        (AVAILABLE, PENDING, AVAILABLE),
        (JobState.COMPLETED, JobState.COMPLETED, JobState.COMPLETED),
        (JobState.DISCARDED, JobState.DISCARDED, JobState.DISCARDED),
    ],
)
async def test_a_running_job_is_held_back_when_its_run_ends(
    bench: Bench, state: JobState, after: JobState, back: JobState
) -> None:
    node = await bench.node()
    await bench.add()
    (job,) = await bench.claim(node)
    assert (await bench.store.pause_job(job.id)).state is JobState.RUNNING
    assert await bench.store.awaiting_pause(node) == [job.id]
    assert await end(bench, job, state) is after
    assert await bench.store.awaiting_pause(node) == []
    shown = await bench.store.get(job.id)
    assert (shown.paused_at is None) is after.final
    assert (await bench.store.resume_job(job.id)).state is back


@pytest.mark.parametrize("lost", ["rescued", "released"])
async def test_a_lost_run_of_a_paused_job_waits(bench: Bench, lost: str) -> None:
    job = await bench.run_one()
    await bench.store.pause_job(job.id)
    if lost == "released":
        await bench.store.release([(job.id, job.run_number)])
    else:
        bench.hands.pass_time(1000)
        await bench.store.rescue(10)
    assert await bench.state(job.id) is PENDING
    assert (await bench.store.resume_job(job.id)).state is AVAILABLE


async def test_a_paused_job_can_be_ended_and_cleans_up_once_it_is_resumed(bench: Bench) -> None:
    plain = await begun(bench, WAITS)
    cleans = await begun(bench, WATCHES, WAITS)
    for job in (plain, cleans):
        await end(bench, job)
        await bench.store.pause_job(job.id)
    assert (await bench.store.cancel(plain.id)).state is CANCELLED
    assert (await bench.store.retry(plain.id)).paused_at is None
    assert (await bench.store.cancel(cleans.id)).state is PENDING
    assert (await bench.store.resume_job(cleans.id)).state is AVAILABLE


async def test_a_retried_workflow_watches_again(bench: Bench) -> None:
    job = await begun(bench, WATCHES, WAITS)
    await end(bench, job)
    await bench.store.cancel(job.id)
    run, _ = await again(bench, job.id)
    told = StepRecord("1", "signal", "go", error=OOPS_TOLD)
    await record(bench, run, TOLD, told)
    assert await end(bench, run, CANCELLED) is CANCELLED
    await bench.store.retry(job.id)
    run, history = await again(bench, job.id)
    assert [(each.place, each.done) for each in history.steps] == [(WATCH, False)]
    assert not history.cancelled


async def test_a_deadline_cancels_the_children_of_who_is_told_of_it(bench: Bench) -> None:
    """It may need the place that one of them takes."""
    parent = await begun(bench, WATCHES, expires_seconds=10.0)
    new = new_job(id=child_id(parent.id, "1", 0), kind="child")
    step = StepRecord("1", "run", "child", done=False, mode="first")
    spawn = RunRecords(parent.id, parent.run_number, Spawn(step, (new,)))
    assert isinstance((await bench.store.record([spawn]))[0], Recorded)
    await end(bench, parent)
    bench.hands.pass_time(11)
    assert await bench.store.expire(10) == 1
    await bench.store.wake([parent.id])
    assert await bench.state(parent.id) is AVAILABLE
    assert await bench.state(new.id) is CANCELLED


async def test_it_is_told_of_a_cancellation_between_two_of_its_rounds(bench: Bench) -> None:
    job = await begun(bench, WATCHES, StepRecord("1", "step", "s", output="1"))
    await record(bench, job, StepRecord("0", "continue", "1", output="{}"))
    await end(bench, job, AVAILABLE)
    assert (await bench.store.cancel(job.id, "why")).state is AVAILABLE
    run, history = await again(bench, job.id)
    assert [(each.place, each.done) for each in history.steps] == [("0", True), (WATCH, False)]
    assert (history.cancelled, history.reason) == (True, "why")
    await record(bench, run, TOLD)
    assert await end(bench, run, CANCELLED) is CANCELLED
