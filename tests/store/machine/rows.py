"""What a Store holds, in one form for the model, for the Store in memory and for PostgreSQL.

Rules: times are whole seconds of a clock that begins at EPOCH; nodes go by their names, which are
all different; two snapshots are equal if and only if nothing that can be seen differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs

from runtime.job import Job
from runtime.lifecycle import JobState

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

# (run number, attempt, error class, node, failed at)
FailureOfRun = tuple[int, int, str, str | None, float]


def job_id_of(number: int) -> UUID:
    """The id of the job with this number; in the order of the numbers."""
    return UUID(int=number)


def date_of(seconds: float) -> datetime:
    """A time as the Stores take it."""
    return EPOCH + timedelta(seconds=seconds)


def seconds_of(date: datetime | None) -> float | None:
    """A time as the Stores show it."""
    return None if date is None else (date - EPOCH).total_seconds()


@attrs.define
class JobRow:
    """A job, with its failures, newest first."""

    id: UUID
    kind: str
    queue: str
    priority: int
    max_attempts: int
    tags: tuple[str, ...]
    state: JobState
    created_at: float
    scheduled_at: float
    attempt: int = 0
    run_number: int = 0
    node: str | None = None
    attempted_at: float | None = None
    finalized_at: float | None = None
    cancel_requested_at: float | None = None
    output: Any = None
    expires_at: float | None = None
    crashes: int = 0
    failures: list[FailureOfRun] = attrs.field(factory=list)
    # By what it is unique, and in which states; no Store shows it.
    unique_key: bytes | None = attrs.field(default=None, eq=False)
    unique_states: str = attrs.field(default="", eq=False)


@attrs.frozen
class NodeShown:
    """A node: when its lease ends, and whether it has one."""

    expires_at: float
    live: bool


@attrs.frozen
class Snapshot:
    """All that a Store holds."""

    jobs: dict[UUID, JobRow]
    nodes: dict[str, NodeShown]
    leader: str | None  # who holds the term now
    paused: dict[str, float]  # since when


def row_of(job: Job) -> JobRow:
    """A job as the protocol shows it."""
    created_at, scheduled_at = seconds_of(job.created_at), seconds_of(job.scheduled_at)
    assert created_at is not None
    assert scheduled_at is not None
    return JobRow(
        id=job.id,
        kind=job.kind,
        queue=job.queue,
        priority=job.priority,
        max_attempts=job.max_attempts,
        tags=job.tags,
        state=job.state,
        created_at=created_at,
        scheduled_at=scheduled_at,
        attempt=job.attempt,
        run_number=job.run_number,
        node=job.node,
        attempted_at=seconds_of(job.attempted_at),
        finalized_at=seconds_of(job.finalized_at),
        cancel_requested_at=seconds_of(job.cancel_requested_at),
        output=job.output,
        expires_at=seconds_of(job.expires_at),
        crashes=job.crashes,
        failures=[
            (
                failure.run_number,
                failure.attempt,
                failure.error_class,
                failure.node,
                seconds_of(failure.failed_at) or 0.0,
            )
            for failure in job.failures
        ],
    )


def differences(expected: Snapshot, seen: Snapshot) -> list[str]:
    """What differs, a line each, for people to read."""
    lines: list[str] = []
    for job_id in sorted(expected.jobs.keys() | seen.jobs.keys()):
        lines += _of_job(job_id, expected.jobs.get(job_id), seen.jobs.get(job_id))
    for field in ("nodes", "leader", "paused"):
        wanted, found = getattr(expected, field), getattr(seen, field)
        if wanted != found:
            lines.append(f"{field}: expected {wanted}, seen {found}")
    return lines


def _of_job(job_id: UUID, expected: JobRow | None, seen: JobRow | None) -> Iterator[str]:
    name = f"job {job_id.int}"
    if expected is None or seen is None:
        if expected is not seen:
            yield f"{name}: expected {expected}, seen {seen}"
        return
    for field in (each.name for each in attrs.fields(JobRow) if each.eq):
        wanted, found = getattr(expected, field), getattr(seen, field)
        if wanted != found:
            yield f"{name}.{field}: expected {wanted}, seen {found}"
