"""Changes of many jobs by a filter: cancel, pause, resume, retry, delete, reschedule, move.

    begin ─▶ batch: [ find and lock the next jobs, in order of id ─▶ change them ] ─▶ report ─▶ ...

Rules: a batch is a short transaction of its own; what it says is what that transaction wrote. The
filter is looked at again once a job is locked, so nothing is changed that it does not mean. Each
job is met once, in the order of the ids, and none that was written after the change began: it ends
whatever producers do. Where it stopped (`limit`, an error), another call goes on by `resume`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

import asyncpg
import attrs

from runtime import sql
from runtime.client.database import Connection
from runtime.client.groups import Steps
from runtime.client.jobs import JobWork
from runtime.errors import StoreUnavailable, UsageError
from runtime.handler_options import check_name
from runtime.job import MAX_PRIORITY
from runtime.job_filter import JobFilter, When, values_of
from runtime.lifecycle import FINAL_STATES, JobState

# Jobs in a batch: its locks are held for some 30 ms, in which acks of these jobs wait.
DEFAULT_BATCH = 1_000
MOST_IN_BATCH = 10_000
# A deadlock undoes one of the two; with acks and other changes there is none, for all take the rows
# in the same order, but triggers of users may.
_TRIES = 3

_RUNNING = frozenset({JobState.RUNNING})
_PENDING = frozenset({JobState.PENDING})


@attrs.frozen
class Change:
    """What is to be done. Attributes: name; leaves, the states in which a job stays as it is;
    values, of the statement, after the ids."""

    name: str
    leaves: frozenset[JobState]
    values: tuple[Any, ...] = ()

    @property
    def statement(self) -> str:
        """Its file in schema/queries."""
        return f"jobs_{self.name}"


RETRY = Change("retry", _RUNNING)
DELETE = Change("delete", _RUNNING)


PAUSE = Change("pause", FINAL_STATES)
RESUME = Change("resume", FINAL_STATES)


def cancel(reason: str | None = None, *, force: bool = False) -> Change:
    """The first reason that a job is given is kept, and its handler is told. force: no clean-up."""
    return Change("cancel", FINAL_STATES, (reason, force))


def reschedule(to: When | None = None, delay: float | timedelta | None = None) -> Change:
    """To a time, or to so many seconds from now. Raises: UsageError."""
    if (to is None) == (delay is None):
        raise UsageError("reschedule to a time or by a delay: give one of them")
    if to is not None and (not isinstance(to, datetime) or to.tzinfo is None):
        raise UsageError(f"to is a datetime with a time zone, not {to!r}")
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    if seconds is not None and not 0 <= seconds < float("inf"):
        raise UsageError(f"delay {delay!r}: it is a number of seconds from 0 on")
    return Change("reschedule", FINAL_STATES | _RUNNING | _PENDING, (to, seconds))


def move(queue: str | None = None, priority: int | None = None) -> Change:
    """To another queue, another priority, or both. Raises: UsageError."""
    if queue is None and priority is None:
        raise UsageError("move to a queue, a priority, or both: give one of them at least")
    if queue is not None:
        check_name("queue", queue)
    if priority is not None and priority not in range(1, MAX_PRIORITY + 1):
        raise UsageError(
            f"priority {priority!r}: it is from 1, which runs first, to {MAX_PRIORITY}"
        )
    return Change("move", FINAL_STATES | _RUNNING, (queue, priority))


@attrs.frozen
class BulkChange:
    """What a change of many jobs has done so far, or in all.

    Attributes: change, its name; changed, how many jobs it changed; asked, how many that run, whose
    nodes were asked to cancel them, or which are held back when their run ends; running, how many
    it left as they are because they run; skipped, how many it left for another reason (they were
    final already, or another job holds their unique key); dry_run: then nothing was written, and
    the numbers are what would have been; resume, where another call would go on: None at the end
    of all.
    """

    change: str
    changed: int = 0
    asked: int = 0
    running: int = 0
    skipped: int = 0
    dry_run: bool = False
    resume: str | None = None

    @property
    def met(self) -> int:
        """How many jobs the filter meant."""
        return self.changed + self.asked + self.running + self.skipped


class BulkInterrupted(StoreUnavailable):
    """The database did not answer in the middle of a change of many jobs.

    Attributes: done, the batches that were written for certain; `done.resume` goes on after them.
    One batch more may have been written, unheard.
    """

    def __init__(self, message: str, done: BulkChange) -> None:
        self.done = done
        super().__init__(message)

    def __reduce__(self) -> tuple[type[BulkInterrupted], tuple[str, BulkChange]]:
        return type(self), (str(self), self.done)


class BulkOptions(TypedDict, total=False):
    """How many jobs are changed.

    everything: the filter may be empty. limit: meet at most so many jobs. dry_run: write nothing.
    batch: jobs in a transaction. resume: of an earlier call's answer. progress: called after each
    batch, in the caller's own thread or task, with what has been done so far.
    """

    everything: bool
    limit: int | None
    dry_run: bool
    batch: int
    resume: str | None
    progress: Callable[[BulkChange], object] | None


@attrs.frozen
class _Place:
    """Where a change is: `began` by the database's clock, and the last id that was looked at."""

    wanted: JobFilter
    began: datetime
    after: UUID | None

    def resume(self) -> str:
        return f"{self.began.isoformat()}/{self.after or ''}"


def steps(change: Change, wanted: JobFilter, options: BulkOptions) -> Steps[JobWork, BulkChange]:
    """What to await to carry a change out. Raises: UsageError, BulkInterrupted."""
    batch, left, progress = _checked(change, wanted, options)
    dry_run = options.get("dry_run", False)
    place: _Place = yield lambda work: _begin(work, wanted, options.get("resume"))
    done = BulkChange(change.name, dry_run=dry_run, resume=place.resume())
    while left is None or left > 0:
        size = batch if left is None else min(batch, left)
        try:
            met: _Batch = yield _step(change, place, size, dry_run)
        except StoreUnavailable as error:
            raise BulkInterrupted(str(error), done) from error
        place = attrs.evolve(place, after=met.last or place.after)
        ended = met.found < size
        left = None if left is None else left - met.found
        done = met.added_to(done, None if ended else place.resume())
        if progress is not None:
            progress(done)
        if ended:
            break
    return done


def _checked(
    change: Change, wanted: JobFilter, options: BulkOptions
) -> tuple[int, int | None, Callable[[BulkChange], object] | None]:
    if wanted.says_nothing and not options.get("everything", False):
        raise UsageError(
            f"{change.name}: which jobs? Give a filter with a condition, or everything=True"
        )
    batch, limit = options.get("batch", DEFAULT_BATCH), options.get("limit")
    if not 1 <= batch <= MOST_IN_BATCH:
        raise UsageError(f"batch {batch}: it is from 1 to {MOST_IN_BATCH:,} jobs")
    if limit is not None and limit < 0:
        raise UsageError(f"limit {limit}: it is a number of jobs, or None")
    return batch, limit, options.get("progress")


def _step(change: Change, place: _Place, size: int, dry_run: bool) -> Callable[[JobWork], Any]:
    if dry_run:
        return lambda work: _look(work, change, place, size)
    return lambda work: _write(work, change, place, size)


async def _begin(work: JobWork, wanted: JobFilter, resume: str | None) -> _Place:
    """The ages of the filter count from when the change began, also when it is resumed."""
    if resume is not None:
        time, _, last = resume.partition("/")
        try:
            began, after = datetime.fromisoformat(time), UUID(last) if last else None
        except ValueError:
            raise UsageError(f"{resume!r:.200} is no place to resume at") from None
    else:
        began, after = await work.database.run(work.now), None
    return _Place(wanted.at(began), began, after)


@attrs.frozen
class _Batch:
    """What became of some jobs; `found` counts those too that were changed by others meanwhile."""

    found: int
    last: UUID | None
    changed: int
    asked: int
    running: int
    skipped: int

    def added_to(self, done: BulkChange, resume: str | None) -> BulkChange:
        return attrs.evolve(
            done,
            changed=done.changed + self.changed,
            asked=done.asked + self.asked,
            running=done.running + self.running,
            skipped=done.skipped + self.skipped,
            resume=resume,
        )


@attrs.frozen
class _Found:
    """The jobs of a batch, in order; a state is None if the job is meant no more."""

    rows: Sequence[tuple[UUID, JobState | None]]

    def batch(self, change: Change, changed: int, asked: int, refused: int) -> _Batch:
        states = [state for _, state in self.rows]
        running = sum(state is JobState.RUNNING for state in states) - asked
        final = sum(state is not None and state.final for state in states)
        pending = states.count(JobState.PENDING)
        left = sum(
            number
            for number, state in ((final, JobState.COMPLETED), (pending, JobState.PENDING))
            if state in change.leaves
        )
        last = self.rows[-1][0] if self.rows else None
        return _Batch(len(self.rows), last, changed, asked, running, left + refused)

    def to_change(self, change: Change) -> list[UUID]:
        return [
            job_id
            for job_id, state in self.rows
            if state is not None and state not in change.leaves
        ]


async def _read(connection: Connection, name: str, place: _Place, size: int) -> _Found:
    await connection.fetch(sql.load("plan_freely"))
    values = (*values_of(place.wanted), place.after, place.began, size)
    rows = await connection.fetch(sql.load(name), *values)
    states = [None if row["state"] is None else JobState(row["state"]) for row in rows]
    return _Found([(row["id"], state) for row, state in zip(rows, states, strict=True)])


async def _look(work: JobWork, change: Change, place: _Place, size: int) -> _Batch:
    """What would become of the next jobs."""

    async def unit(connection: Connection) -> _Found:
        async with connection.transaction():
            return await _read(connection, "jobs_match", place, size)

    found = await work.database.run(unit)
    chosen = set(found.to_change(change))
    running = [i for i, state in found.rows if state is JobState.RUNNING and i in chosen]
    return found.batch(change, len(chosen) - len(running), len(running), 0)


async def _write(work: JobWork, change: Change, place: _Place, size: int) -> _Batch:
    """Change the next jobs. Not repeated when the answer is lost: it would count too few."""
    for _ in range(_TRIES - 1):
        try:
            return await work.database.run(
                lambda conn: _in_transaction(conn, change, place, size), repeatable=False
            )
        except asyncpg.DeadlockDetectedError:
            continue
    return await work.database.run(
        lambda conn: _in_transaction(conn, change, place, size), repeatable=False
    )


async def _in_transaction(
    connection: Connection, change: Change, place: _Place, size: int
) -> _Batch:
    async with connection.transaction():
        found = await _read(connection, "jobs_lock", place, size)
        chosen = found.to_change(change)
        try:
            async with connection.transaction():
                changed, asked = await _change(connection, change, chosen)
        except asyncpg.UniqueViolationError:
            return await _one_by_one(connection, change, found, chosen)
        return found.batch(change, changed, asked, len(chosen) - changed - asked)


async def _one_by_one(
    connection: Connection, change: Change, found: _Found, chosen: Sequence[UUID]
) -> _Batch:
    """As one of them cannot be changed while another job holds its unique key."""
    changed = asked = refused = 0
    for job_id in chosen:
        try:
            async with connection.transaction():
                one, other = await _change(connection, change, [job_id])
        except asyncpg.UniqueViolationError:
            refused += 1
        else:
            changed, asked = changed + one, asked + other
    return found.batch(change, changed, asked, refused)


async def _change(
    connection: Connection, change: Change, job_ids: Sequence[UUID]
) -> tuple[int, int]:
    """How many were changed, and of how many that run the node was asked."""
    if not job_ids:
        return 0, 0
    row = await connection.fetchrow(sql.load(change.statement), list(job_ids), *change.values)
    return row["changed"], row.get("asked", 0)
