"""A schedule: as it is defined, as it is due, as it is shown; and what to do with one that is due.

Rules: frozen data, pure. Whoever defines a schedule says what and when; the next firing is planned
by the leader alone, from the database's clock. A firing has one id, made from the schedule's name
and its time, so that the same firing is never two jobs, whoever writes it, and however often.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from runtime.errors import UsageError
from runtime.handler_options import check_name
from runtime.job import DEFAULT_MAX_ATTEMPTS, DEFAULT_PRIORITY, DEFAULT_QUEUE, NewJob
from runtime.timing import Timing

# With catch_up 0, a firing that comes this late was missed: longer than a dead leader is missing.
MISSED_SECONDS = 30.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ScheduleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as it is defined: the job of each firing, and when. Payloads are JSON as text."""

    name: str
    kind: str
    args: str = "{}"
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout_seconds: float | None = None
    tags: tuple[str, ...] = ()
    metadata: str = "{}"
    key: str | None = None
    sequence: bool = False
    expires_seconds: float | None = None
    cron: str | None = None
    timezone: str = "UTC"
    interval_seconds: float | None = None
    catch_up: int = 1
    overlap: bool = True

    def as_json(self) -> bytes:
        """As the statements take it: payloads are objects in it."""
        fields = msgspec.structs.asdict(self)
        fields["args"] = msgspec.Raw(self.args)
        fields["metadata"] = msgspec.Raw(self.metadata)
        return msgspec.json.encode(fields)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule's row, as shown."""

    name: str
    kind: str
    queue: str
    args: Mapping[str, Any]
    priority: int
    max_attempts: int
    timeout_seconds: float | None
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    key: str | None
    sequence: bool
    expires_seconds: float | None
    cron: str | None
    timezone: str
    interval_seconds: float | None
    catch_up: int  # missed firings made good at most
    overlap: bool  # whether it fires while its last job has not ended
    created_at: datetime
    updated_at: datetime
    paused_at: datetime | None
    last_at: datetime | None  # the last firing's time
    next_at: datetime | None  # None while it is paused, or has a problem
    last_job_id: UUID | None
    problem: str | None  # why it cannot be planned
    in_code: bool  # defined by an app
    declared: bool  # in_code: whether a living node's app defines it; it does not fire otherwise


class DueSchedule(msgspec.Struct, frozen=True):
    """What the leader must know of a schedule that is due, or was not planned yet."""

    name: str
    next_at: datetime | None  # None: not planned yet
    updated_at: datetime
    cron: str | None
    timezone: str
    interval_seconds: float | None
    catch_up: int
    overlap: bool


class Plan(msgspec.Struct, frozen=True):
    """What is to become of a due schedule, if it is still as it was: `due_at`, `updated_at`."""

    name: str
    due_at: datetime | None
    updated_at: datetime
    firings: tuple[datetime, ...] = ()
    next_at: datetime | None = None
    problem: str | None = None  # it cannot be planned
    missed: bool = False  # firings were left out

    def ids(self) -> list[UUID]:
        """The ids of the firings' jobs."""
        return [firing_id(self.name, at) for at in self.firings]


def plan(due: DueSchedule, now: datetime) -> Plan:
    """What to fire at `now`, and when to look again.

    After a gap the latest `catch_up` firings are made good; 0: the latest one, if it is hardly
    late. Where jobs of the schedule may not overlap, one at most.
    """
    try:
        timing = _timing(due.cron, due.timezone, due.interval_seconds, due.catch_up)
        first = due.next_at or timing.after(due.updated_at)
        if first is None:
            raise UsageError("it never fires")
        most = max(1, due.catch_up) if due.overlap else 1
        times, following, missed = timing.due(first, now, most)
        if following is None:
            raise UsageError("it never fires again")
    except UsageError as error:
        return Plan(due.name, due.next_at, due.updated_at, problem=str(error))
    if due.catch_up == 0 and times and now - times[-1] > timedelta(seconds=MISSED_SECONDS):
        times, missed = [], True
    return Plan(due.name, due.next_at, due.updated_at, tuple(times), following, None, missed)


@lru_cache(maxsize=4_096)
def _timing(cron: str | None, zone: str, interval: float | None, catch_up: int) -> Timing:
    """Checked once, and not at each firing. Raises: UsageError."""
    return Timing(cron=cron, timezone=zone, interval_seconds=interval, catch_up=catch_up)


def firing_id(name: str, at: datetime) -> UUID:
    """The id of the job that this schedule makes for this time: a UUIDv7 of that time."""
    from hashlib import sha256  # children, which import this file, can do without it

    microseconds = (at - _EPOCH) // timedelta(microseconds=1)
    millisecond, rest = divmod(microseconds, 1000)
    digest = sha256(f"{name}\0{microseconds}".encode()).digest()
    value = (millisecond & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | rest << 64 | 0b10 << 62 | int.from_bytes(digest[:8]) >> 2
    return UUID(int=value)


def info_of(name: str, timing: Timing, job: NewJob) -> ScheduleInfo:
    """A definition: fire jobs like this one. Raises: UsageError.

    What makes jobs unique is left out: a firing is unique, by its schedule and time.
    """
    check_name("a schedule's name", name)
    if not isinstance(timing, Timing):
        raise UsageError(f"a schedule's times are cron(...) or every(...), not {timing!r:.200}")
    if (job.delay_seconds, job.scheduled_at, job.expires_at) != (None, None, None):
        raise UsageError(f"schedule {name!r} says when its jobs run: give no delay and no times")
    return ScheduleInfo(
        name=name,
        kind=job.kind,
        args=job.args,
        queue=job.queue,
        priority=job.priority,
        max_attempts=job.max_attempts,
        timeout_seconds=job.timeout_seconds,
        tags=job.tags,
        metadata=job.metadata,
        key=job.key,
        sequence=job.sequence,
        expires_seconds=job.expires_seconds,
        cron=timing.cron,
        timezone=timing.timezone,
        interval_seconds=timing.interval_seconds,
        catch_up=timing.catch_up,
        overlap=timing.overlap,
    )
