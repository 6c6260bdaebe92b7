"""How a workflow waits, and what makes it go on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from actors.store.protocol import Retention, RunRecords
from runtime.ids import uuid7
from runtime.job import ClaimedJob, NewJob
from runtime.lifecycle import JobState
from runtime.workflow.history import SNOOZED, WATCH
from runtime.workflow.ids import child_id
from runtime.workflow.records import (
    Answer,
    Collected,
    History,
    Record,
    Recorded,
    Spawn,
    StepError,
    StepRecord,
)
from tests.store.harness import OOPS, Bench, ack_of, new_job, refusal


def opened(op: str, name: str, place: str = "1", **more: Any) -> StepRecord:
    return StepRecord(place, op, name, done=False, **more)


async def record(bench: Bench, job: ClaimedJob, *steps: StepRecord) -> Answer:
    (answer,) = await bench.store.record([RunRecords(job.id, job.run_number, Record(steps))])
    return answer


async def suspend(bench: Bench, job: ClaimedJob, seconds: float | None = None) -> int:
    """As a node does: write, commit, and look. Returns how many were woken."""
    state = JobState.PENDING if seconds is None else JobState.SCHEDULED
    acked = await bench.store.ack([ack_of(job, state, delay_seconds=seconds, counted=False)])
    assert acked.written == 1
    return await bench.store.wake([job.id])


async def waiting(bench: Bench, op: str, name: str, **more: Any) -> ClaimedJob:
    """A job that waits."""
    job = await bench.run_one()
    assert isinstance(await record(bench, job, opened(op, name, **more)), Recorded)
    assert await suspend(bench, job) == 0
    return job


async def told(bench: Bench, job_id: UUID) -> tuple[ClaimedJob, History]:
    """Run the job again, and let it recall."""
    claimed = await bench.claim(await bench.node())
    (again,) = (job for job in claimed if job.id == job_id)
    history = await bench.store.recall(again.id, again.run_number)
    assert isinstance(history, History)
    return again, history


def children(
    parent: ClaimedJob, count: int, place: str = "1", first: int = 0, **options: Any
) -> tuple[NewJob, ...]:
    return tuple(
        new_job(id=child_id(parent.id, place, first + index), kind="child", **options)
        for index in range(count)
    )


async def spawn(
    bench: Bench,
    parent: ClaimedJob,
    jobs: tuple[NewJob, ...],
    *,
    op: str = "map",
    more: bool = False,
    detached: bool = False,
    **step: Any,
) -> Answer:
    record = StepRecord("1", op, "child", **{"done": detached, "mode": "all", **step})
    ask = Spawn(record, jobs, detached, 0, more)
    (answer,) = await bench.store.record([RunRecords(parent.id, parent.run_number, ask)])
    return answer


async def run_children(bench: Bench, places: int = 100) -> list[ClaimedJob]:
    return await bench.claim(await bench.node(), places, kinds=("child",))


# --- signals and events ---------------------------------------------------------------------------


async def test_a_signal_wakes_who_waits_for_it(bench: Bench) -> None:
    job = await waiting(bench, "signal", "approved")

    assert bench.hands.send_signal(job.id, "refused") == "sent"
    assert await bench.store.wake([job.id]) == 0
    assert bench.hands.send_signal(job.id, "approved", '{"by":"Ann"}') == "sent"
    assert await bench.store.wake([job.id]) == 1

    assert await bench.store.wake([job.id]) == 0  # it is available
    _, history = await told(bench, job.id)
    assert [(one.name, one.value.replace(" ", "")) for one in history.signals] == [
        ("refused", "null"),
        ("approved", '{"by":"Ann"}'),
    ]


async def test_a_signal_that_came_before_the_wait_is_found_when_it_suspends(bench: Bench) -> None:
    job = await bench.run_one()
    bench.hands.send_signal(job.id, "approved")
    await record(bench, job, opened("signal", "approved"))

    assert await suspend(bench, job) == 1

    assert await bench.state(job.id) is JobState.AVAILABLE


async def test_a_signal_is_taken_once(bench: Bench) -> None:
    job = await waiting(bench, "signal", "approved")
    bench.hands.send_signal(job.id, "approved", "1")
    await bench.store.wake([job.id])
    again, history = await told(bench, job.id)
    (signal,) = history.signals

    await record(bench, again, StepRecord("1", "signal", "approved", output="1", signal=signal.id))
    await record(bench, again, opened("signal", "approved", "2"))

    assert await suspend(bench, again) == 0
    bench.hands.send_signal(job.id, "approved", "2")
    assert await bench.store.wake([job.id]) == 1
    _, history = await told(bench, job.id)
    assert [one.value for one in history.signals] == ["2"]


async def test_a_signal_sent_again_is_known(bench: Bench) -> None:
    job = await bench.run_one()
    signal = uuid7()
    assert bench.hands.send_signal(job.id, "go", "1", signal) == "sent"

    assert bench.hands.send_signal(job.id, "go", "2", signal) == "known"

    history = await bench.store.recall(job.id, 1)
    assert isinstance(history, History)
    assert [one.value for one in history.signals] == ["1"]
    await bench.store.ack([ack_of(job)])
    assert bench.hands.send_signal(job.id, "go", "2", signal) == "known"
    assert bench.hands.send_signal(job.id, "go", "2") == "completed"


async def test_no_more_signals_are_told_at_once_than_a_run_can_take(bench: Bench) -> None:
    job = await bench.run_one()
    large = '"%s"' % ("x" * 300_000)
    for number in range(8):
        bench.hands.send_signal(job.id, "early" if number < 7 else "late", large)
    await record(bench, job, opened("signal", "late"))

    history = await bench.store.recall(job.id, 1)
    (first,) = await bench.store.recall_first([(job.id, 1)])

    assert isinstance(history, History)
    assert isinstance(first, History)
    assert history.signals == first.signals
    assert [one.name for one in history.signals] == ["early"] * 3 + ["late"]
    for number in range(3):
        taken = history.signals[number].id
        await record(bench, job, StepRecord(f"2.{number}.1", "signal", "early", signal=taken))
    assert await suspend(bench, job) == 1  # by the late one
    _, history = await told(bench, job.id)
    assert [one.name for one in history.signals] == ["early"] * 3 + ["late"]


async def test_five_hundred_signals_are_told_at_once(bench: Bench) -> None:
    job = await bench.run_one()
    for number in range(502):
        bench.hands.send_signal(job.id, "go", str(number))

    history = await bench.store.recall(job.id, 1)

    assert isinstance(history, History)
    assert [one.value for one in history.signals] == [str(number) for number in range(500)]


async def test_an_event_wakes_all_who_wait_for_it(bench: Bench) -> None:
    jobs = [await waiting(bench, "event", "opening") for _ in range(3)]
    other = await waiting(bench, "event", "closing")

    assert await bench.store.wake_event("opening") == 0
    assert bench.hands.emit_event("opening", "7")
    assert not bench.hands.emit_event("opening", "8")
    assert await bench.store.wake_event("opening") == 3

    assert await bench.state(other.id) is JobState.PENDING
    for job in await bench.claim(await bench.node()):
        history = await bench.store.recall(job.id, job.run_number)
        assert isinstance(history, History)
        assert [(one.over, one.value) for one in history.steps] == [(True, "7")]
    assert {job.id for job in jobs} == {job.id for job in jobs}


async def test_an_event_that_has_happened_needs_no_wait(bench: Bench) -> None:
    bench.hands.emit_event("opening")
    job = await bench.run_one()
    await record(bench, job, opened("event", "opening"))

    assert await suspend(bench, job) == 1


async def test_a_wait_with_a_timeout_is_woken_before_it_and_by_it(bench: Bench) -> None:
    first, second = [await bench.run_one(), await bench.run_one()]
    for job in (first, second):
        await record(bench, job, opened("signal", "approved", until_seconds=100))
        assert await suspend(bench, job, 100) == 0
    bench.hands.send_signal(first.id, "approved")

    assert await bench.store.wake([first.id, second.id]) == 1

    shown = await bench.store.get(first.id)
    assert shown.scheduled_at < (await bench.store.get(second.id)).scheduled_at  # in its turn
    await told(bench, first.id)
    bench.hands.pass_time(101)
    assert (await bench.store.stage(10)).jobs == 1
    _, history = await told(bench, second.id)
    assert [one.over for one in history.steps] == [True]


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.RETRYABLE, JobState.COMPLETED])
async def test_who_does_not_wait_is_not_woken(bench: Bench, state: JobState) -> None:
    job = await bench.run_one()
    await record(bench, job, opened("signal", "approved"))
    if state is not JobState.RUNNING:
        await bench.store.ack([ack_of(job, state, delay_seconds=60)])
    bench.hands.send_signal(job.id, "approved")

    assert await bench.store.wake([job.id, uuid7()]) == 0

    assert await bench.state(job.id) is state


async def test_a_workflow_that_has_begun_keeps_its_args(bench: Bench) -> None:
    unique: dict[str, Any] = {
        "unique_key": b"k" * 32,
        "unique_states": "11111001",
        "on_conflict": "replace",
    }
    job = await bench.run_one(args='{"n":1}', **unique)
    await record(bench, job, opened("sleep", "nap", until_seconds=50))
    await suspend(bench, job, 50)

    assert await bench.store.enqueue([new_job(args='{"n":2}', **unique)]) == [False]

    assert (await bench.store.get(job.id)).args == {"n": 1}


# --- children -------------------------------------------------------------------------------------


async def test_the_last_child_wakes_its_parent(bench: Bench) -> None:
    parent = await bench.run_one()
    assert isinstance(await spawn(bench, parent, children(parent, 3)), Recorded)
    assert await suspend(bench, parent) == 0
    first, second, third = await run_children(bench)

    acked = await bench.store.ack([ack_of(first, output="1"), ack_of(second, output="2")])
    assert acked.parents == (parent.id,)
    assert await bench.store.wake(acked.parents) == 0
    failing = ack_of(third, JobState.DISCARDED, failure=OOPS)
    assert (await bench.store.ack([failing])).parents == (parent.id,)
    assert await bench.store.wake([parent.id]) == 1

    again, history = await told(bench, parent.id)
    assert history.steps[0].over
    collected = await bench.store.collect(
        again.id,
        again.run_number,
        [*(child_id(parent.id, "1", index) for index in range(3)), uuid7()],
    )
    assert isinstance(collected, Collected)
    outputs = {first.id: "1", second.id: "2"}
    for index, result in enumerate(collected.results[:3]):
        child = child_id(parent.id, "1", index)
        if child == third.id:
            assert (result.state, result.error_class, result.message) == (
                "discarded",
                "ValueError",
                "oops",
            )
        else:
            assert (result.state, result.output) == ("completed", outputs[child])
    assert collected.results[3].state == "missing"


async def test_an_end_of_no_child_names_no_parent(bench: Bench) -> None:
    job = await bench.run_one()
    assert (await bench.store.ack([ack_of(job)])).parents == ()


async def test_a_child_that_will_be_tried_again_has_not_ended(bench: Bench) -> None:
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 1))
    await suspend(bench, parent)
    (child,) = await run_children(bench)

    acked = await bench.store.ack([ack_of(child, JobState.RETRYABLE, failure=OOPS)])

    assert acked.parents == ()
    assert await bench.store.wake([parent.id]) == 0


async def test_the_first_failure_wakes_a_parent_that_asked_for_it(bench: Bench) -> None:
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 3), mode="first")
    await suspend(bench, parent)
    first, second, third = await run_children(bench)

    await bench.store.ack([ack_of(first)])
    assert await bench.store.wake([parent.id]) == 0
    await bench.store.ack([ack_of(second, JobState.DISCARDED, failure=OOPS)])
    assert await bench.store.wake([parent.id]) == 1

    again, _ = await told(bench, parent.id)
    failed = StepRecord("1", "map", "child", error=StepError("ChildFailed", "oops"))
    await record(bench, again, failed)
    assert (await bench.store.get(third.id)).cancel_requested_at is not None


async def test_to_spawn_again_adds_nothing(bench: Bench) -> None:
    parent = await bench.run_one()
    jobs = children(parent, 4)
    await spawn(bench, parent, jobs[:3])

    await spawn(bench, parent, jobs)

    assert len(await run_children(bench)) == 4
    assert await run_children(bench) == []


async def test_a_lost_run_spawns_nothing(bench: Bench) -> None:
    parent = await bench.run_one()
    await bench.store.ack([ack_of(parent)])

    answer = await spawn(bench, parent, children(parent, 3))

    assert refusal(answer).kind == "lost"
    assert await run_children(bench) == []


async def test_a_child_keeps_its_options(bench: Bench) -> None:
    parent = await bench.run_one()
    job = children(
        parent,
        1,
        args='{"n":1}',
        queue="large",
        priority=3,
        max_attempts=7,
        timeout_seconds=9.0,
        tags=("a", "b"),
        metadata='{"m":2}',
        key="k1",
        expires_seconds=1000.0,
        delay_seconds=50.0,
    )

    assert isinstance(await spawn(bench, parent, job), Recorded)

    shown = await bench.store.get(job[0].id)
    assert (shown.state, shown.queue, shown.priority) == (JobState.SCHEDULED, "large", 3)
    assert (shown.max_attempts, shown.timeout_seconds, shown.tags) == (7, 9.0, ("a", "b"))
    assert (shown.args, shown.metadata, shown.key) == ({"n": 1}, {"m": 2}, "k1")
    assert shown.expires_at is not None
    assert (shown.scheduled_at - shown.created_at).total_seconds() == pytest.approx(50, abs=1)


async def test_a_child_whose_key_another_job_holds_is_refused(bench: Bench) -> None:
    unique: dict[str, Any] = {"unique_key": b"k" * 32, "unique_states": "11111001"}
    await bench.add(**unique)
    parent = (await bench.claim(await bench.node()))[0]

    answer = await spawn(bench, parent, children(parent, 1, **unique))

    assert refusal(answer).kind == "invalid"
    assert isinstance(await spawn(bench, parent, children(parent, 1)), Recorded)


async def test_a_child_that_is_too_large_is_refused(bench: Bench) -> None:
    parent = await bench.run_one()
    large = f'{{"x":"{"x" * 2 * 1024 * 1024}"}}'

    answer = await spawn(bench, parent, children(parent, 1, args=large))

    assert refusal(answer).kind == "too_large"
    assert await run_children(bench) == []


async def test_children_begin_in_the_order_of_their_items(bench: Bench) -> None:
    parent = await bench.run_one()
    jobs = children(parent, 20)
    await spawn(bench, parent, jobs)

    begun = [job.id for _ in range(20) for job in await run_children(bench, 1)]

    assert begun == [job.id for job in jobs]


async def test_no_more_children_run_at_once_than_the_map_allows(bench: Bench) -> None:
    parent = await bench.run_one()
    jobs = children(parent, 7)
    await spawn(bench, parent, jobs[:4], max_in_flight=3, more=True)
    await spawn(bench, parent, jobs[4:], max_in_flight=3)
    await suspend(bench, parent)

    running = await run_children(bench)
    begun = list(running)
    while running:
        assert len(running) <= 3
        acked = await bench.store.ack([ack_of(running[0])])
        woken = await bench.store.wake(acked.parents)
        more = await run_children(bench)
        begun += more
        running = [*running[1:], *more]
        assert woken == (not running)

    assert [job.id for job in begun] == [job.id for job in jobs]


async def test_children_begin_while_their_parent_does_something_else(bench: Bench) -> None:
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 2), max_in_flight=1)
    (first,) = await run_children(bench)
    acked = await bench.store.ack([ack_of(first)])

    assert await bench.store.wake(acked.parents) == 0

    assert len(await run_children(bench)) == 1


async def test_a_detached_child_has_no_parent(bench: Bench) -> None:
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 1), detached=True, op="run")
    await bench.store.ack([ack_of(parent, JobState.CANCELLED)])
    await bench.store.wake([parent.id])
    await bench.store.sweep_waits(100)

    (child,) = await run_children(bench)

    assert (await bench.store.ack([ack_of(child)])).parents == ()


@pytest.mark.parametrize("look", ["wake", "sweep"])
async def test_children_of_an_ended_parent_are_cancelled_and_theirs(
    bench: Bench, look: str
) -> None:
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 3))
    running, suspended = await run_children(bench, 2)
    await spawn(bench, suspended, children(suspended, 2))
    await suspend(bench, suspended)
    await bench.store.ack([ack_of(parent, JobState.DISCARDED, failure=OOPS)])

    await (bench.store.wake([parent.id]) if look == "wake" else bench.store.sweep_waits(100))
    await bench.store.sweep_waits(100)

    assert (await bench.store.get(running.id)).cancel_requested_at is not None
    assert await bench.state(running.id) is JobState.RUNNING
    assert await bench.state(suspended.id) is JobState.CANCELLED
    assert await run_children(bench) == []


async def test_a_child_is_not_pruned_before_its_parent_has_ended(bench: Bench) -> None:
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 1))
    await suspend(bench, parent)
    (child,) = await run_children(bench)
    await bench.store.ack([ack_of(child)])
    bench.hands.pass_time(1e6)

    assert await bench.store.prune(Retention(), 100) == 0
    await bench.store.cancel(parent.id)
    assert await bench.store.prune(Retention(), 100) == 1


async def begin_anew(bench: Bench, job: ClaimedJob) -> ClaimedJob:
    """Its next run, which is the first of its next round."""
    await record(bench, job, StepRecord("0", "continue", "1", output="{}"))
    await bench.store.ack([ack_of(job, JobState.AVAILABLE, counted=False)])
    await bench.store.wake([job.id])
    again, _ = await told(bench, job.id)
    return again


async def test_a_new_round_waits_for_its_own_children_alone(bench: Bench) -> None:
    first: dict[str, Any] = {"max_in_flight": 1, "mode": "first"}
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 1, "1"), **first)
    (failing,) = await run_children(bench)
    await bench.store.ack([ack_of(failing, JobState.DISCARDED, failure=OOPS)])
    await record(bench, parent, StepRecord("1", "map", "child", error=StepError("E", "oops")))

    again = await begin_anew(bench, parent)
    await spawn(bench, again, children(again, 2, "1~1"), **first)

    assert await suspend(bench, again) == 0
    assert await bench.store.sweep_waits(100) == 0
    for left in (1, 0):
        (child,) = await run_children(bench)
        acked = await bench.store.ack([ack_of(child)])
        assert await bench.store.wake(acked.parents) == (not left)


@pytest.mark.parametrize("look", ["wake", "sweep"])
async def test_children_of_the_round_before_are_cancelled_and_pruned(
    bench: Bench, look: str
) -> None:
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 3))
    ended, running = await run_children(bench, 2)
    await bench.store.ack([ack_of(ended)])

    again = await begin_anew(bench, parent)

    if look == "sweep":
        await bench.store.sweep_waits(100)
    assert (await bench.store.get(running.id)).cancel_requested_at is not None
    assert await run_children(bench) == []
    acked = await bench.store.ack([ack_of(running, JobState.CANCELLED)])
    assert acked.parents == ()
    bench.hands.pass_time(1e6)
    assert await bench.store.prune(Retention(), 100) == 3
    assert await bench.state(again.id) is JobState.RUNNING


async def test_the_sweep_finds_who_waits_behind_those_that_have_ended(bench: Bench) -> None:
    ended = [await waiting(bench, "event", "opening") for _ in range(3)]
    patient = await waiting(bench, "event", "opening")
    for job in ended:
        await bench.store.cancel(job.id)
    bench.hands.emit_event("opening")

    assert await bench.store.sweep_waits(2) == 1

    assert await bench.state(patient.id) is JobState.AVAILABLE


async def test_the_sweep_finds_orphans_behind_workflows_that_have_caught_a_failure(
    bench: Bench,
) -> None:
    for _ in range(3):
        parent = await bench.run_one()
        await spawn(bench, parent, children(parent, 1))
        await record(bench, parent, StepRecord("2", "run", "child", error=StepError("E", "oops")))
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 1))
    await bench.store.ack([ack_of(parent, JobState.DISCARDED, failure=OOPS)])

    await bench.store.sweep_waits(2)

    assert await bench.state(child_id(parent.id, "1", 0)) is JobState.CANCELLED
    assert len(await run_children(bench)) == 3


# --- the sweep ------------------------------------------------------------------------------------


async def test_the_sweep_wakes_who_was_forgotten(bench: Bench) -> None:
    signalled = await waiting(bench, "signal", "approved")
    bench.hands.send_signal(signalled.id, "approved")
    told_of = await waiting(bench, "event", "opening")
    bench.hands.emit_event("opening")
    patient = await waiting(bench, "signal", "never")
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 1))
    await suspend(bench, parent)
    (child,) = await run_children(bench)
    await bench.store.ack([ack_of(child)])

    assert await bench.store.sweep_waits(100) == 3
    assert await bench.store.sweep_waits(100) == 0

    for job in (signalled, told_of, parent):
        assert await bench.state(job.id) is JobState.AVAILABLE
    assert await bench.state(patient.id) is JobState.PENDING


async def test_the_sweep_lets_held_children_begin(bench: Bench) -> None:
    parent = await bench.run_one()
    await spawn(bench, parent, children(parent, 2), max_in_flight=1)
    await suspend(bench, parent)
    (first,) = await run_children(bench)
    await bench.store.ack([ack_of(first)])

    await bench.store.sweep_waits(100)

    assert len(await run_children(bench)) == 1


async def test_the_sweep_is_a_leaders(bench: Bench) -> None:
    job = await waiting(bench, "signal", "approved")
    bench.hands.send_signal(job.id, "approved")
    node = await bench.node()
    term = await bench.store.elect(node, 30)

    assert await bench.store.sweep_waits(100, term.number + 1) == 0
    assert await bench.store.sweep_waits(100, term.number) == 1


async def test_old_events_are_pruned_the_oldest_first(bench: Bench) -> None:
    for name in ("first", "second", "third"):
        bench.hands.emit_event(name)
        bench.hands.pass_time(10)

    assert await bench.store.prune_events(100, 10) == 0
    assert await bench.store.prune_events(15, 1) == 1
    assert bench.hands.emit_event("first")
    assert not bench.hands.emit_event("second")
    assert await bench.store.prune_events(5, 10) == 2
    assert bench.hands.emit_event("second")


async def test_an_event_that_an_open_step_waits_for_is_not_pruned(bench: Bench) -> None:
    job = await bench.run_one()
    await record(bench, job, opened("event", "opening"))
    bench.hands.emit_event("opening")
    bench.hands.pass_time(100)

    assert await bench.store.prune_events(10, 10) == 0
    await record(bench, job, StepRecord("1", "event", "opening", output="null"))
    assert await bench.store.prune_events(10, 10) == 1


async def test_pruning_events_is_a_leaders(bench: Bench) -> None:
    bench.hands.emit_event("opening")
    bench.hands.pass_time(100)
    term = await bench.store.elect(await bench.node(), 30)

    assert await bench.store.prune_events(10, 10, term.number + 1) == 0
    assert await bench.store.prune_events(10, 10, term.number) == 1


async def test_a_snooze_lasts_its_time_whatever_its_workflow_waits_for(bench: Bench) -> None:
    job = await bench.run_one()
    snooze = opened("snooze", "", SNOOZED, until_seconds=60.0)
    await record(bench, job, opened("signal", "approved"), snooze)
    bench.hands.send_signal(job.id, "approved")

    assert await suspend(bench, job, 60.0) == 0
    assert await bench.store.sweep_waits(100) == 0
    bench.hands.pass_time(61)
    assert await bench.store.wake([job.id]) == 1


async def test_the_snooze_of_an_earlier_run_keeps_nothing_asleep(bench: Bench) -> None:
    job = await bench.run_one()
    snooze = opened("snooze", "", SNOOZED, until_seconds=600.0)
    await record(bench, job, opened("signal", "approved"), snooze)
    await suspend(bench, job, 5.0)
    bench.hands.pass_time(6)
    await bench.store.stage(10)
    again, _ = await told(bench, job.id)

    assert await suspend(bench, again) == 0
    bench.hands.send_signal(job.id, "approved")
    assert await bench.store.wake([job.id]) == 1


async def test_a_snoozed_workflow_is_woken_for_its_cancellation(bench: Bench) -> None:
    job = await bench.run_one()
    snooze = opened("snooze", "", SNOOZED, until_seconds=600.0)
    await record(bench, job, opened("signal", "headrace.cancel", WATCH), snooze)
    await suspend(bench, job, 600.0)

    bench.hands.send_signal(job.id, "headrace.cancel", '"why"')
    assert await bench.store.wake([job.id]) == 1
