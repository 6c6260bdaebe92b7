"""The rows of a MemoryStore, and how they are shown.

Times are floats, in seconds of the store's clock; `Clock` turns them into the database's dates.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import msgspec
import trio

from actors.store.protocol import NodeInfo, RunNote
from runtime.job import ClaimedJob, FailureRow, Job, NewJob
from runtime.lifecycle import JobState
from runtime.outcome import Failure
from runtime.schedule import Plan, ScheduleInfo

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # of a clock that shows 0


@attrs.define
class Clock:
    """The store's clock: trio's, moved on by hand where a test asks for it."""

    epoch: datetime = EPOCH
    ahead: float = 0.0

    def now(self) -> float:
        """Seconds."""
        return trio.current_time() + self.ahead

    def date(self, seconds: float) -> datetime:
        """A time of this clock as a date."""
        return self.epoch + timedelta(seconds=seconds)

    def maybe_date(self, seconds: float | None) -> datetime | None:
        """The same for a time that may not be set."""
        return None if seconds is None else self.date(seconds)

    def seconds(self, date: datetime) -> float:
        """A date as a time of this clock."""
        return (date - self.epoch).total_seconds()


@attrs.define(eq=False)
class NodeEntry:
    """A row of the table `node`."""

    id: int
    info: NodeInfo
    started_at: float
    heartbeat_at: float
    expires_at: float
    ended_at: float | None = None
    wants_wakeups: bool = False
    assigned: dict[str, str | None] = attrs.field(factory=dict)
    schedules: frozenset[str] = frozenset()  # that its app defines
    kinds: tuple[str, ...] | None = None  # that its app has handlers for


@attrs.define(eq=False)
class JobEntry:
    """A row of the table `job`, with its failures."""

    new: NewJob  # what changes only when it is replaced while it waits
    state: JobState
    created_at: float
    scheduled_at: float
    max_attempts: int
    attempt: int = 0
    run_number: int = 0
    attempted_at: float | None = None
    finalized_at: float | None = None
    cancel_requested_at: float | None = None
    cancel_reason: str | None = None
    unaware_run: int | None = None  # that went on when its cancellation was requested
    paused_at: float | None = None
    paused_from: JobState | None = None
    expires_at: float | None = None
    expired_at: float | None = None  # its deadline, of which it was told
    crashes: int = 0
    used: tuple[float | None, float | None, int | None] = (None, None, None)  # by its last run
    node_id: int | None = None
    output: str | None = None
    failures: list[FailureRow] = attrs.field(factory=list)
    noted: RunNote | None = None  # what its latest run told, in one
    unique_key: bytes | None = None  # with its period
    parent: tuple[UUID, str] | None = None  # the workflow that waits for it, and where
    held_again: bool = False  # by the bound of its map, after a retry

    @property
    def id(self) -> UUID:
        return self.new.id

    @property
    def place(self) -> tuple[int, float, UUID, str]:
        """Its place in its queue: the claim's order. The kind comes last, for the claim to see."""
        return (self.new.priority, self.scheduled_at, self.id, self.new.kind)

    def fail(
        self,
        failure: Failure,
        node: str | None,
        failed_at: datetime,
        used: tuple[float | None, float | None, int | None] = (None, None, None),
    ) -> None:
        """Keep why the current run failed, and what it used: wall and CPU seconds, peak KiB."""
        self.failures.insert(
            0,
            FailureRow(
                run_number=self.run_number,
                attempt=self.attempt,
                failed_at=failed_at,
                error_class=failure.error_class,
                message=failure.message,
                trace=failure.trace,
                node=node,
                pid=failure.pid,
                exit_status=failure.exit_status,
                signal=failure.signal,
                wall_seconds=used[0],
                cpu_seconds=used[1],
                peak_rss_kib=used[2],
            ),
        )

    def as_claimed(self, now: float) -> ClaimedJob:
        """What the claim returns."""
        return ClaimedJob(
            id=self.id,
            run_number=self.run_number,
            kind=self.new.kind,
            queue=self.new.queue,
            args=self.new.args,
            attempt=self.attempt,
            max_attempts=self.max_attempts,
            timeout_seconds=self.new.timeout_seconds,
            metadata=self.new.metadata,
            wait_seconds=now - self.scheduled_at,
            key=self.new.key,
            crashes=self.crashes,
            expires_seconds=None if self.expires_at is None else self.expires_at - now,
        )

    def as_job(self, clock: Clock, node: str | None, *, with_failures: bool) -> Job:
        """What get and jobs return."""
        new = self.new
        return Job(
            id=new.id,
            kind=new.kind,
            queue=new.queue,
            state=self.state,
            priority=new.priority,
            attempt=self.attempt,
            max_attempts=self.max_attempts,
            run_number=self.run_number,
            created_at=clock.date(self.created_at),
            scheduled_at=clock.date(self.scheduled_at),
            attempted_at=clock.maybe_date(self.attempted_at),
            finalized_at=clock.maybe_date(self.finalized_at),
            cancel_requested_at=clock.maybe_date(self.cancel_requested_at),
            cancel_reason=self.cancel_reason,
            timeout_seconds=new.timeout_seconds,
            node=node,
            args=msgspec.json.decode(new.args),
            output=None if self.output is None else msgspec.json.decode(self.output),
            metadata=msgspec.json.decode(new.metadata),
            tags=new.tags,
            key=new.key,
            sequence=new.sequence,
            expires_at=clock.maybe_date(
                self.expired_at if self.expires_at is None else self.expires_at
            ),
            paused_at=None if self.state.final else clock.maybe_date(self.paused_at),
            crashes=self.crashes,
            wall_seconds=self.used[0],
            cpu_seconds=self.used[1],
            peak_rss_kib=self.used[2],
            failures=tuple(self.failures) if with_failures else (),
        )


@attrs.define(eq=False)
class ScheduleEntry:
    """A row of the table `schedule`. All are defined in code: nobody else asks a Store."""

    info: ScheduleInfo
    definition: ScheduleInfo  # what the code said last
    updated_at: datetime
    next_at: datetime | None = None
    problem: str | None = None
    last: Plan | None = None  # that added jobs
