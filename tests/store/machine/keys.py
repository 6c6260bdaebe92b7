"""Unique jobs, said once more: who holds a key, and what an enqueue does to it."""

from __future__ import annotations

from collections.abc import Iterable

from runtime.job import NewJob
from runtime.lifecycle import JobState
from tests.store.machine.rows import JobRow

_ORDER = [
    "available",
    "scheduled",
    "pending",
    "running",
    "retryable",
    "cancelled",
    "discarded",
    "completed",
]
_WAITING = (JobState.AVAILABLE, JobState.SCHEDULED, JobState.RETRYABLE)


def would_hold(job: JobRow, state: JobState) -> bool:
    """Whether a job holds its key in a state."""
    if job.unique_key is None:
        return False
    named = {name for name, bit in zip(_ORDER, job.unique_states, strict=True) if bit == "1"}
    return state.value in named and ("running" in named or job.run_number == 0)


def holder(jobs: Iterable[JobRow], key: bytes | None) -> JobRow | None:
    """Who holds a key. There is never more than one."""
    found = [job for job in jobs if job.unique_key == key and would_hold(job, job.state)]
    assert key is None or len(found) <= 1, f"{len(found)} jobs hold one key"
    return found[0] if key is not None and found else None


def replace(job: JobRow, new: NewJob, due: float, now: float) -> None:
    """The newest fields, for a job that waits."""
    if new.on_conflict == "replace" and job.state in _WAITING:
        job.priority, job.tags, job.max_attempts = new.priority, new.tags, new.max_attempts
        job.expires_at = None if new.expires_seconds is None else now + new.expires_seconds
        job.scheduled_at = due
        job.state = JobState.SCHEDULED if due > now else JobState.AVAILABLE
