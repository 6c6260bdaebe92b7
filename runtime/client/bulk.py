"""Many jobs, all or none: the steps of a bulk, and its one transaction.

    chunks ─▶ steps ──▶ one statement                      few jobs
                  └───▶ begin, add ..., finish | abort     many: COPY into the table, by chunks

`steps` is written once for all clients: a generator that yields what is to be awaited, so that the
jobs are made in the caller's own thread and at the database's pace. Rules: a chunk that holds a
known id is undone alone and written by the statement instead, which leaves known jobs as they are;
one that holds a unique job is written by it from the first.
Nodes are told once a queue, when the transaction commits. Times come from the database's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import asyncpg

from runtime.client.database import UNIT_SECONDS, Connection, Database
from runtime.client.entries import Chunk, Written, chunks, written_of
from runtime.client.handle import BulkResult, tally, total
from runtime.client.statements import channel, enqueue_statement, statement
from runtime.job import NewJob
from runtime.job_entry import as_json
from runtime.lifecycle import JobState
from runtime.payload import PayloadLimits

if TYPE_CHECKING:
    from runtime.client.core import Core

Step = Callable[[], Coroutine[Any, Any, Any]]
Steps = Generator[Step, Any, BulkResult]

# From so many jobs on they are copied. Measured over a socket, in thousands of jobs a second, by
# statement and by COPY, with args of 8 bytes: 10 jobs: 11, 9; 100: 50, 51; 300: 59, 68;
# 1,000: 64, 78; 5,000: 63, 93; with args of 1 kB: 100: 24, 25; 1,000: 44, 60; 5,000: 25, 47. COPY
# takes six round trips instead of one, so over a network it pays later.
COPY_FROM_JOBS = 1_000
_COLUMNS = (
    "id",
    "kind",
    "args",
    "queue",
    "priority",
    "max_attempts",
    "timeout_seconds",
    "scheduled_at",
    "state",
    "tags",
    "metadata",
    "key",
    "sequence",
    "expires_at",
)
# Later than this, a job is found in time by the stager's own poll; as in enqueue_many.
_DUE = timedelta(seconds=10)


def steps(core: Core, jobs: Iterable[NewJob]) -> Steps:
    """What to await, one after the other, to write the jobs; errors are to be thrown in."""
    parts = chunks(jobs, core.limits)
    first = next(parts)
    if first.last and len(first.jobs) < COPY_FROM_JOBS:
        written: list[Written] = yield partial(core.enqueue, first.jobs)
        return tally(first.jobs, written)
    bulk: Bulk = yield partial(begin, core.database, core.limits)
    try:
        for part in chain([first], parts):
            yield partial(bulk.add, part)
        result: BulkResult = yield bulk.finish
    except BaseException:
        yield bulk.abort
        raise
    return result


async def begin(database: Database, limits: PayloadLimits) -> Bulk:
    """Begin a bulk. Raises: StoreUnavailable, SchemaNotMigrated."""
    with database.translating():
        connection = await database.lend()
        try:
            transaction = connection.transaction()
            await transaction.start()
            await database.settle(connection)
            now = await connection.fetchval(statement("now", database.namespace))
        except BaseException:
            connection.terminate()
            await database.take_back(connection)
            raise
    return Bulk(database, limits, connection, transaction, now)


class Bulk:
    """A transaction that jobs are copied in."""

    def __init__(
        self,
        database: Database,
        limits: PayloadLimits,
        connection: Connection,
        transaction: Any,
        now: datetime,
    ) -> None:
        self._database = database
        self._limits = limits
        self._connection = connection
        self._transaction = transaction
        self._now = now
        self._queues: set[str] = set()
        self._due = False
        self._done: list[BulkResult] = []

    async def add(self, part: Chunk) -> None:
        """Write some more. Raises: JobNotUnique."""
        jobs = part.jobs
        with part.counting(), self._database.translating():
            copied = all(job.unique_key is None for job in jobs) and await self._try_copy(jobs)
            self._done.append(copied or await self._send(jobs))

    async def finish(self) -> BulkResult:
        """Tell the nodes, commit, and give the connection back."""
        with self._database.translating():
            await self._wake("wakeup", sorted(self._queues))
            await self._wake("due", [""] if self._due else [])
            await self._transaction.commit()
        await self._database.take_back(self._connection)
        return total(self._done)

    async def abort(self) -> None:
        """Write nothing: the server rolls back the transaction of a connection that is gone."""
        self._connection.terminate()
        await self._database.take_back(self._connection)

    async def _try_copy(self, jobs: Sequence[NewJob]) -> BulkResult | None:
        try:
            async with self._connection.transaction():
                await self._copy(jobs)
        except asyncpg.UniqueViolationError:
            return None
        return BulkResult(len(jobs), len(jobs))

    async def _copy(self, jobs: Sequence[NewJob]) -> None:
        await self._connection.copy_records_to_table(
            "job",
            schema_name=self._database.namespace,
            columns=_COLUMNS,
            records=[self._record(job) for job in jobs],
            timeout=UNIT_SECONDS,
        )

    def _record(self, job: NewJob) -> tuple[Any, ...]:
        at = job.scheduled_at or self._now + timedelta(seconds=job.delay_seconds or 0)
        state = JobState.SCHEDULED if at > self._now else JobState.AVAILABLE
        if state is JobState.AVAILABLE:
            self._queues.add(job.queue)
        elif at <= self._now + _DUE:
            self._due = True
        return (
            job.id,
            job.kind,
            job.args,
            job.queue,
            job.priority,
            job.max_attempts,
            job.timeout_seconds,
            at,
            state.value,
            job.tags,
            job.metadata,
            job.key,
            job.sequence or None,
            self._expiry(job),
        )

    def _expiry(self, job: NewJob) -> datetime | None:
        if job.expires_seconds is None:
            return job.expires_at
        return self._now + timedelta(seconds=job.expires_seconds)

    async def _send(self, jobs: Sequence[NewJob]) -> BulkResult:
        text = enqueue_statement(self._database.namespace, self._limits)
        rows = await self._connection.fetch(text, as_json(jobs), timeout=UNIT_SECONDS)
        return tally(jobs, written_of(rows))

    async def _wake(self, topic: str, payloads: list[str]) -> None:
        if payloads:
            text = statement("wake", self._database.namespace)
            await self._connection.fetch(text, channel(self._database.namespace, topic), payloads)
