"""Which state a job of a MemoryStore comes to when it is to end, or is held back."""

from __future__ import annotations

from uuid import UUID

import attrs
import msgspec

from actors.store.memory.rows import JobEntry
from actors.store.memory.state import State
from runtime.lifecycle import Ack, JobState
from runtime.workflow.history import WATCH

_ENDED_BY_OTHERS = ("JobCancelled", "Expired")


def clean_up_due(state: State, job: JobEntry) -> bool | None:
    """Whether it is still to be told; False: it was; None: it does not clean up."""
    watch = state.steps.get(job.id, {}).get(WATCH)
    return None if watch is None else not watch.record.done


def watch_again(state: State, job_id: UUID) -> None:
    """Have it watch again, if nothing is left that tells at replay that it was told."""
    steps = state.steps.get(job_id, {})
    errors = [entry.record.error for entry in steps.values() if entry.record.error is not None]
    if WATCH in steps and all(each.error_class not in _ENDED_BY_OTHERS for each in errors):
        record = msgspec.structs.replace(steps[WATCH].record, done=False)
        steps[WATCH] = attrs.evolve(steps[WATCH], record=record)


def end_or_tell(state: State, job: JobEntry, to: JobState, now: float) -> None:
    """A job that does not run is to end; or to clean up first, if it does that."""
    due = clean_up_due(state, job) if job.run_number > 0 else None
    if due is None:
        state.jobs.move(job, to, now)
        state.announce(job)
    elif due and job.paused_at is None and not _waits_its_turn(job):
        make_available(state, job, now)
        state.board.notify("wake", str(job.id))  # for its children


def make_available(state: State, job: JobEntry, now: float) -> None:
    """Let it go on, at its place or now."""
    due = min(job.scheduled_at, now)
    state.jobs.move(job, JobState.AVAILABLE, now, scheduled_at=due)
    state.announce(job)


def _waits_its_turn(job: JobEntry) -> bool:
    return job.new.sequence and job.state is JobState.PENDING


def request(job: JobEntry, reason: str | None, now: float, *, again: bool = False) -> None:
    """Its cancellation is requested. `again`: the run that goes on is told, whatever it knows."""
    if job.cancel_requested_at is None or again:
        job.cancel_requested_at, job.unaware_run = now, job.run_number
    job.cancel_reason = job.cancel_reason or reason


def after_run(state: State, job: JobEntry, ack: Ack, now: float) -> tuple[JobState, bool]:
    """What a run's end leads to, and whether that is at once; see ack.sql."""
    to, cancelled = ack.state, job.cancel_requested_at is not None
    expired = job.expires_at is not None and job.expires_at <= now
    due = clean_up_due(state, job) if cancelled or expired else None
    if due is None:
        return (JobState.CANCELLED if cancelled else to), False
    unaware = expired or job.unaware_run == job.run_number
    if expired:
        job.expired_at, job.expires_at = job.expires_at, None
    failure = ack.failure
    broken_off = failure is not None and (
        failure.signal is not None or failure.error_class in _ENDED_BY_OTHERS
    )
    if due and unaware and (not to.final or broken_off):
        return JobState.AVAILABLE, True
    return (JobState.CANCELLED if cancelled and to.final else to), False


def pause(state: State, job: JobEntry) -> None:
    """See Store.pause_job."""
    if job.state.final or job.paused_at is not None:
        return
    job.paused_at = state.clock.now()
    if job.state is JobState.RUNNING:
        state.board.notify("control", f"cancel:{job.id}")
    else:
        held(state, job, job.state)


def held(state: State, job: JobEntry, came_from: JobState) -> None:
    """It is paused, and waits."""
    job.paused_from = came_from
    state.jobs.move(job, JobState.PENDING, state.clock.now())


def resume(state: State, job: JobEntry) -> None:
    """See Store.resume_job; who calls it looks then whether it can go on."""
    if job.state.final or job.paused_at is None:
        return
    now, was = state.clock.now(), job.paused_from
    job.paused_at = job.paused_from = None
    if job.state is not JobState.PENDING:
        return
    ending = job.cancel_requested_at is not None or job.expired_at is not None
    timed = was in (JobState.SCHEDULED, JobState.RETRYABLE)
    come = timed and job.scheduled_at <= now
    if come or (ending and clean_up_due(state, job)):
        was = JobState.AVAILABLE
    state.jobs.move(job, was or JobState.PENDING, now)
    state.announce(job)
