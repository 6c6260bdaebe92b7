"""How jobs come into a MemoryStore, as the SQL function enqueue_many does it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from actors.store.memory.rows import JobEntry
from runtime.errors import JobNotUnique
from runtime.job import NewJob
from runtime.lifecycle import JobState
from runtime.unique import REPLACEABLE, holds_key

if TYPE_CHECKING:
    from actors.store.memory.state import State

_WAITING = (JobState.AVAILABLE, JobState.SCHEDULED, JobState.RETRYABLE)
_PERIOD_BYTES = 8


def enqueue(state: State, jobs: list[NewJob]) -> list[bool]:
    """Insert checked jobs, all or none; whether each was new. Raises: JobNotUnique."""
    _refuse_duplicates(state, jobs)
    return [_insert(state, new) for new in jobs]


def holder_of(state: State, key: bytes | None) -> JobEntry | None:
    """The job that holds a key."""
    if key is None:
        return None
    found = (
        job
        for job in state.jobs.in_state(*JobState)
        if job.unique_key == key and holds_key(job.state, job.new.unique_states, job.run_number)
    )
    return next(found, None)


def _refuse_duplicates(state: State, jobs: list[NewJob]) -> None:
    first: dict[bytes, NewJob] = {}
    now = state.clock.now()
    for index, new in enumerate(jobs):
        key = _key(state, new, now)
        if key is None or new.id in state.jobs:
            continue
        holder = holder_of(state, key)
        other = first.setdefault(key, new) if holder is None else holder.new
        if new.on_conflict == "fail" and other.id != new.id:
            raise JobNotUnique(other.id, index)


def _insert(state: State, new: NewJob) -> bool:
    if new.id in state.jobs:
        return False
    now = state.clock.now()
    due, key = _due(state, new, now), _key(state, new, now)
    holder = holder_of(state, key)
    if holder is not None:
        begun = holder.id in state.steps  # a workflow: its next run must do as the one before
        if new.on_conflict == "replace" and holder.state in _WAITING and not begun:
            _replace(state, holder, new, now)
        return False
    to = JobState.SCHEDULED if due > now else JobState.AVAILABLE
    job = JobEntry(new, to, now, due, new.max_attempts, unique_key=key)
    job.expires_at = _expiry(state, new, now)
    state.jobs.add(job)
    state.enqueued += 1
    if to is JobState.SCHEDULED or _wakeup_wanted(state, new.queue):
        state.announce(job)
    return True


def _due(state: State, new: NewJob, now: float) -> float:
    if new.scheduled_at is not None:
        return state.clock.seconds(new.scheduled_at)
    return now + (new.delay_seconds or 0.0)


def _expiry(state: State, new: NewJob, now: float) -> float | None:
    if new.expires_at is not None:
        return state.clock.seconds(new.expires_at)
    return None if new.expires_seconds is None else now + new.expires_seconds


def _key(state: State, new: NewJob, now: float) -> bytes | None:
    if new.unique_key is None or new.unique_period_seconds is None:
        return new.unique_key
    seconds = state.clock.date(_due(state, new, now)).timestamp()
    period = int(seconds // new.unique_period_seconds).to_bytes(_PERIOD_BYTES, signed=True)
    return hashlib.sha256(new.unique_key + period).digest()


def _replace(state: State, job: JobEntry, new: NewJob, now: float) -> None:
    fields = set(REPLACEABLE if new.replace is None else new.replace)
    to, when = job.state, None
    if "scheduled_at" in fields:
        when = _due(state, new, now)
        to = JobState.SCHEDULED if when > now else JobState.AVAILABLE
    if "max_attempts" in fields:
        job.max_attempts = new.max_attempts
    if "expires_at" in fields:
        job.expires_at = _expiry(state, new, now)
    plain = fields - {"scheduled_at", "max_attempts", "expires_at"}
    values = {field: getattr(new, field) for field in plain}
    state.jobs.rewrite(job, msgspec.structs.replace(job.new, **values))
    state.jobs.move(job, to, now, scheduled_at=when)
    state.announce(job)


def _wakeup_wanted(state: State, queue: str) -> bool:
    return any(
        node.wants_wakeups
        and node.ended_at is None
        and not {queue, "*"}.isdisjoint(node.info.queues)
        for node in state.nodes.values()
    )
