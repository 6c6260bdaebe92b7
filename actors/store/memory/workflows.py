"""Steps, signals, events and children of a MemoryStore, as their statements do them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from uuid import UUID

import msgspec

from actors.store.memory import arrival, endings, graphs, happenings, mailbox
from actors.store.memory.rows import JobEntry
from actors.store.memory.state import State, StepEntry
from actors.store.workflows import RunRecords
from runtime.errors import JobNotUnique
from runtime.lifecycle import JobState
from runtime.workflow.history import WATCH
from runtime.workflow.records import (
    ChildResult,
    Collected,
    History,
    Recalled,
    Recorded,
    Refused,
    Spawn,
    StepRecord,
)

MOST_STEPS = 2_000
MOST_BYTES = 4 * 1024 * 1024
LOST = Refused("lost", "the run is not the job's current one any more")
_SUSPENDED = (JobState.PENDING, JobState.SCHEDULED)
_CHILD_SPACING = 1e-6  # between the places of a map's children, in seconds


def record(state: State, one: RunRecords) -> Recorded | Refused:
    """See Store.record."""
    job = state.jobs.current_run(one.job_id, one.run_number)
    if job is None:
        return LOST
    now = state.clock.now()
    if isinstance(one.ask, Spawn):
        return _spawn(state, job, one.ask)
    known = state.steps.get(job.id, {})
    for step in one.ask.steps:
        if step.op != "continue" and _done_before(known.get(step.place), job):
            return Refused("invalid", f"the step at {step.place} is recorded already")
    for step in one.ask.steps:
        _write(state, job, step, now)
    return Recorded(state.clock.date(now).timestamp())


def _done_before(entry: StepEntry | None, job: JobEntry) -> bool:
    """Whether an earlier run has done this step."""
    return entry is not None and entry.record.done and entry.run_number != job.run_number


def _write(state: State, job: JobEntry, step: StepRecord, now: float) -> None:
    known = state.steps.setdefault(job.id, {})
    if step.op == "continue":
        _begin_anew(state, job, step)
        return
    entry = known.get(step.place)
    if entry is not None and entry.record.done:
        return
    until = None
    if step.until is not None:
        until = step.until
    elif step.until_seconds is not None:
        until = state.clock.date(now + step.until_seconds).timestamp()
    known[step.place] = StepEntry(step, job.run_number, until)
    if step.signal is not None:
        state.signals.get(job.id, {}).pop(UUID(bytes=step.signal), None)
    if step.publish:
        state.published[job.id, step.name] = step.output or "null"
    if step.done and step.error is not None and step.op in ("run", "map"):
        _cancel(state, _children(state, job.id, step.place), now)


def _begin_anew(state: State, job: JobEntry, step: StepRecord) -> None:
    state.jobs.rewrite(job, msgspec.structs.replace(job.new, args=step.output or "{}"))
    for child in _children(state, job.id):
        _cancel(state, [child], state.clock.now())
        child.parent = None
    for graph in [graph for graph in state.dependencies if graph[0] == job.id]:
        del state.dependencies[graph]
    told = msgspec.structs.replace(step, output=None)
    watches = endings.clean_up_due(state, job)
    kept = {WATCH: state.steps[job.id][WATCH]} if watches else {}
    state.steps[job.id] = {**kept, step.place: StepEntry(told, job.run_number, None)}


def _spawn(state: State, job: JobEntry, ask: Spawn) -> Recorded | Refused:
    now = state.clock.now()
    entry = state.steps.get(job.id, {}).get(ask.step.place)
    if entry is not None and entry.record.done:
        if entry.run_number != job.run_number:
            return Refused("invalid", f"the step at {ask.step.place} is recorded already")
        return Recorded(state.clock.date(now).timestamp())
    fresh = [new for new in ask.jobs if new.id not in state.jobs]
    for index, new in enumerate(fresh):
        holder = arrival.holder_of(state, new.unique_key)
        if holder is not None:
            return Refused("invalid", str(JobNotUnique(holder.id, index)))
    state.enqueue(fresh)
    for index, new in enumerate(fresh):
        child = state.jobs.get(new.id)
        if ask.detached:
            continue
        child.parent = (job.id, ask.step.place)
        due = child.scheduled_at
        if child.state is JobState.AVAILABLE:
            due = now - (len(fresh) - index) * _CHILD_SPACING
        held = new.held or (ask.step.max_in_flight is not None and not new.sequence)
        state.jobs.move(child, JobState.PENDING if held else child.state, now, scheduled_at=due)
    if not ask.more:
        graphs.write(state, job.id, ask.step.place, ask.after)
        _write(state, job, ask.step, now)
    if ask.step.max_in_flight is not None:
        _release(state, job.id, ask.step.place, ask.step.max_in_flight)
    return Recorded(state.clock.date(now).timestamp())


def _children(state: State, parent: UUID, place: str | None = None) -> list[JobEntry]:
    return state.children(parent, place)


def _is_held(child: JobEntry) -> bool:
    """Whether it waits for room among its siblings."""
    never_ran = child.run_number == 0 and not child.new.sequence
    return child.state is JobState.PENDING and (never_ran or child.held_again)


def _release(state: State, parent: UUID, place: str, most: int) -> None:
    now = state.clock.now()
    children = _children(state, parent, place)
    held = sorted(
        (child for child in children if _is_held(child)),
        key=lambda child: (child.held_again, child.scheduled_at, child.id),
    )
    begun = sum(not child.state.final and not _is_held(child) for child in children)
    free = [child for child in held if child.paused_at is None]
    for child in free[: max(0, most - begun)]:
        to = JobState.SCHEDULED if child.scheduled_at > now else JobState.AVAILABLE
        child.held_again = False
        state.jobs.move(child, to, now)
        state.announce(child)


def _cancel(state: State, children: Iterable[JobEntry], now: float) -> None:
    for child in children:
        if not child.state.final and child.cancel_requested_at is None:
            cancel_one(state, child, "its parent has ended")


def cancel_one(state: State, job: JobEntry, reason: str | None, *, again: bool = False) -> bool:
    """Cancel a job that has not ended: at once, or by its node, or by having it clean up. Returns
    whether it has ended."""
    now = state.clock.now()
    endings.request(job, reason, now, again=again)
    if job.state is JobState.RUNNING:
        state.board.notify("control", f"cancel:{job.id}")
    else:
        endings.end_or_tell(state, job, JobState.CANCELLED, now)
    return job.finalized_at is not None


def _children_over(state: State, job_id: UUID, step: StepRecord) -> bool:
    states = [child.state for child in _children(state, job_id, step.place)]
    failed = any(each.final and each is not JobState.COMPLETED for each in states)
    return all(each.final for each in states) or (step.mode == "first" and failed)


def _can_go_on(state: State, job_id: UUID, entry: StepEntry) -> bool:
    """But for its time: that is the stager's."""
    step = entry.record
    if step.done:
        return False
    if step.op == "signal":
        return any(name == step.name for name, _ in state.signals.get(job_id, {}).values())
    if step.op == "event":
        return step.name in state.happenings
    return step.op in ("run", "map") and _children_over(state, job_id, step)


def recall(state: State, job_id: UUID, run_number: int, after: str | None) -> History | Refused:
    """See Store.recall."""
    job = state.jobs.current_run(job_id, run_number)
    if job is None:
        return LOST
    now = state.clock.date(state.clock.now()).timestamp()
    behind = sorted(
        (place, entry)
        for place, entry in state.steps.get(job_id, {}).items()
        if after is None or place > after
    )
    page: list[Recalled] = []
    size = 0
    for _, entry in behind[:MOST_STEPS]:
        size += len((entry.record.output or "").encode())
        if page and size > MOST_BYTES:
            break
        page.append(_recalled(state, job_id, entry, now))
    more = len(page) < len(behind)
    return History(
        tuple(page),
        () if more else mailbox.untaken(state, job_id),
        more,
        now,
        job.cancel_requested_at is not None,
        job.cancel_reason,
        job.expired_at is not None,
    )


def _recalled(state: State, job_id: UUID, entry: StepEntry, now: float) -> Recalled:
    step = entry.record
    timed_out = entry.until is not None and entry.until <= now
    is_open_event = step.op == "event" and not step.done
    over = _can_go_on(state, job_id, entry) and step.op != "signal"
    return Recalled(
        step.place,
        step.op,
        step.name,
        step.done,
        step.output,
        step.error,
        step.attempts,
        entry.until,
        not step.done and (timed_out or over),
        state.happenings.get(step.name) if is_open_event else None,
    )


def collect(
    state: State, job_id: UUID, run_number: int, ids: Sequence[UUID]
) -> Collected | Refused:
    """See Store.collect."""
    if state.jobs.current_run(job_id, run_number) is None:
        return LOST
    results: list[ChildResult] = []
    size = 0
    for child_id in ids:
        result = _result(state, child_id)
        size += len((result.output or "").encode())
        if results and size > MOST_BYTES:
            break
        results.append(result)
    return Collected(tuple(results))


def _result(state: State, child_id: UUID) -> ChildResult:
    if child_id not in state.jobs:
        return ChildResult("missing")
    child = state.jobs.get(child_id)
    told = ("", child.cancel_reason or "")
    if child.failures and child.state is not JobState.COMPLETED:
        told = (child.failures[0].error_class, child.failures[0].message)
    return ChildResult(child.state.value, child.output, *told, child.new.kind)


def wake(state: State, job_ids: Iterable[UUID]) -> int:
    """See Store.wake."""
    known = [state.jobs.get(job_id) for job_id in dict.fromkeys(job_ids) if job_id in state.jobs]
    graphs.release_dependents(state, [job.id for job in known])
    return sum(_wake_one(state, job) for job in known)


def _wake_one(state: State, job: JobEntry) -> bool:
    now = state.clock.now()
    steps = state.steps.get(job.id, {}).values()
    if job.state.final:
        _cancel(state, _children(state, job.id), now)
        return False
    ending = job.cancel_requested_at is not None or job.expired_at is not None
    if ending and job.state is JobState.AVAILABLE and endings.clean_up_due(state, job):
        _cancel(state, _children(state, job.id), now)
    for entry in steps:
        if not entry.record.done and entry.record.max_in_flight is not None:
            _release(state, job.id, entry.record.place, entry.record.max_in_flight)
    if job.state not in _SUSPENDED or job.paused_at is not None:
        return False
    snoozed = happenings.is_snoozed(state, job)
    if not any(
        _can_go_on(state, job.id, entry)
        for entry in steps
        if not snoozed or entry.record.place == WATCH
    ):
        return False
    endings.make_available(state, job, now)
    return True


def wake_event(state: State, name: str) -> int:
    """See Store.wake_event."""
    return wake(state, [job_id for job_id, step in _open(state) if _waits_for(step, name)])


def _waits_for(step: StepRecord, event: str) -> bool:
    return step.op == "event" and step.name == event


def _open(state: State) -> list[tuple[UUID, StepRecord]]:
    return [
        (job_id, entry.record)
        for job_id, steps in state.steps.items()
        for entry in steps.values()
        if not entry.record.done
    ]


def sweep(state: State, limit: int, term: int | None) -> int:
    """See Store.sweep_waits."""
    if not state.leads(term):
        return 0
    graphs.release_dependents(state, list(state.steps))
    waiting = dict.fromkeys(job_id for job_id, _ in _open(state) if _may_go_on(state, job_id))
    parents = dict.fromkeys(
        child.parent[0]
        for child in state.jobs.in_state(*JobState)
        if child.parent is not None and not child.state.final
    )
    for parent in parents:
        if parent not in state.jobs:
            _cancel(state, _children(state, parent), state.clock.now())
    ended = [each for each in parents if each in state.jobs and state.jobs.get(each).state.final]
    return wake(state, [*islice(waiting, limit), *ended[:limit]])


def _may_go_on(state: State, job_id: UUID) -> bool:
    """Whether a suspended job can, or children of it can begin."""
    if job_id not in state.jobs or state.jobs.get(job_id).state not in _SUSPENDED:
        return False
    entries = state.steps.get(job_id, {}).values()
    return any(
        _can_go_on(state, job_id, entry) or _holds_children(state, job_id, entry)
        for entry in entries
    )


def _holds_children(state: State, job_id: UUID, entry: StepEntry) -> bool:
    step = entry.record
    bounded = not step.done and step.max_in_flight is not None
    return bounded and any(_is_held(each) for each in _children(state, job_id, step.place))


def tell(state: State, job: JobEntry) -> None:
    """A job has ended without an ack: have nodes look at its parent, and at its children."""
    if job.parent is not None:
        state.board.notify("wake", str(job.parent[0]))
    if any(not entry.record.done for entry in state.steps.get(job.id, {}).values()):
        state.board.notify("wake", str(job.id))
