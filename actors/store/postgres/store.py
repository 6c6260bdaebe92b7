"""PostgresStore: a statement of schema/queries for each method of the protocol.

Rules: a method is one unit on the bridge, and one statement where it can be, which then commits by
itself. What the database refuses becomes a typed error here (`refusals`).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from actors.store.bridge import Bridge, Connection, Row
from actors.store.bridge.port import T, Unit
from actors.store.errors import DatabaseError
from actors.store.guard import Guard, OnWarning, ignore_warning
from actors.store.listening import Notifications, channels_of
from actors.store.postgres import indexes, rows, timetable
from actors.store.postgres.acks import write
from actors.store.postgres.refusals import typed
from actors.store.postgres.session import checked_namespace
from actors.store.postgres.workflows import PostgresWorkflows
from actors.store.protocol import (
    Acked,
    Demand,
    InDoubt,
    LimitedClaim,
    Listening,
    NodeInfo,
    NodeProcess,
    NodeRow,
    QueueInfo,
    Rescued,
    Retention,
    RunNote,
    Served,
    Staged,
    Term,
)
from actors.store.standby import Standby
from actors.store.upkeep import DueSchedules, Fired, QueueRetention, Rebuilt, Swept
from runtime import sql
from runtime.errors import JobNotFound, JobNotUnique
from runtime.job import ClaimedJob, Job, NewJob
from runtime.job_entry import as_json
from runtime.job_filter import JobFilter, values_of
from runtime.lifecycle import Ack, JobState
from runtime.note import cancel_reason
from runtime.payload import DEFAULT_LIMITS, PayloadLimits
from runtime.schedule import Plan, ScheduleInfo
from runtime.schema_version import require_version

# A job shows its latest failures; one that was retried by hand for months may have thousands.
FAILURES_SHOWN = 100
# The leader asks for the queues every 15 s; the sums of so many rows take a millisecond to read.
FOLD_FROM_ROWS = 1_000


class PostgresStore(PostgresWorkflows):
    """A Store on PostgreSQL. Safe to use from any number of trio tasks."""

    def __init__(
        self,
        bridge: Bridge,
        *,
        namespace: str = "headrace",
        limits: PayloadLimits = DEFAULT_LIMITS,
        on_warning: OnWarning = ignore_warning,
        listen_bridge: Bridge | None = None,
    ) -> None:
        """Args: bridge: opened with `session_of(namespace)`. listen_bridge: where to LISTEN, if
        the bridge goes through a transaction pooler. Raises: ConfigError, the namespace."""
        self._bridge = bridge
        self._listen_bridge = bridge if listen_bridge is None else listen_bridge
        self._namespace = checked_namespace(namespace)
        self._limits = limits
        self._guard = Guard(limits, on_warning)

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[bool]:
        """See Store."""
        self._guard.check_jobs(jobs)
        found = await self._fetch("enqueue", as_json(jobs), self._limits.args_bytes)
        return [row["inserted"] for row in found]

    async def claim(self, node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
        """See Store."""
        found = await self._fetch("claim", node_id, *rows.demand_columns(demand))
        return [ClaimedJob(*row) for row in found]

    async def claim_at(
        self, standby: Standby, node_id: int, demand: Sequence[Demand], *, timeout_seconds: float
    ) -> list[ClaimedJob]:
        """See Store."""
        statement, values = sql.load("claim"), rows.demand_columns(demand)
        try:
            found = await self._bridge.run_at(
                standby,
                lambda connection: connection.fetch(statement, node_id, *values),
                timeout_seconds=timeout_seconds,
            )
        except DatabaseError as error:
            raise typed(error, self._namespace) from error
        return [ClaimedJob(*row) for row in found or ()]

    async def claim_limited(self, node_id: int, demand: Sequence[Demand]) -> LimitedClaim:
        """See Store."""
        queues, kinds, places, _ = rows.demand_columns(sorted(demand, key=lambda each: each.queue))
        return rows.limited_claim_of(
            await self._fetch("claim_limited", node_id, queues, kinds, places)
        )

    async def served(self, node_id: int, *, any_queue: bool) -> Served:
        """See Store."""
        return rows.served_of(await self._fetchrow("served", node_id, any_queue))

    async def ack(self, acks: Sequence[Ack]) -> Acked:
        """See Store."""
        if not acks:
            return Acked(written=0, stale=())
        checked = self._guard.checked_acks(acks)
        try:
            return await write(self._bridge, checked, self._guard)
        except DatabaseError as error:
            raise typed(error, self._namespace) from error

    async def in_doubt(self, runs: Sequence[tuple[UUID, int]]) -> InDoubt:
        """See Store."""
        ids = [job_id for job_id, _ in runs]
        found = await self._fetch("in_doubt", ids, [run_number for _, run_number in runs])
        return InDoubt(
            completed=tuple((row["id"], row["run_number"]) for row in found if row["completed"]),
            held=tuple((row["id"], row["run_number"]) for row in found if not row["completed"]),
        )

    async def note(self, notes: Sequence[RunNote]) -> int:
        """See Store."""
        if not notes:
            return 0
        columns = rows.note_columns([self._guard.checked_note(one) for one in notes])
        return int((await self._fetchrow("note", *columns))["written"])

    async def release(self, runs: Sequence[tuple[UUID, int]]) -> int:
        """See Store."""
        ids = [job_id for job_id, _ in runs]
        row = await self._fetchrow("release", ids, [run_number for _, run_number in runs])
        return int(row["released"])

    async def holdings(self, node_id: int) -> list[tuple[UUID, int]]:
        """See Store."""
        found = await self._fetch("holdings", node_id)
        return sorted((row["id"], row["run_number"]) for row in found)

    async def join(self, node: NodeInfo, lease_seconds: float) -> int:
        """See Store."""
        row = await self._fetchrow("join", *rows.node_values(node), lease_seconds)
        return int(row["id"])

    async def renew(self, node_id: int, lease_seconds: float) -> bool:
        """See Store."""
        return bool(await self._fetch("renew", node_id, lease_seconds))

    async def neighbours(self, node_id: int) -> list[NodeProcess]:
        """See Store."""
        return [NodeProcess(*row) for row in await self._fetch("neighbours", node_id)]

    async def want_wakeups(self, node_id: int, wanted: bool) -> None:
        """See Store."""
        await self._fetch("want_wakeups", node_id, wanted)

    async def leave(self, node_id: int) -> None:
        """See Store."""
        await self._fetch("leave", node_id)

    async def rescue(self, limit: int, term: int | None = None) -> Rescued:
        """See Store."""
        row = await self._fetchrow("rescue", limit, term)
        return Rescued(
            nodes=tuple(row["nodes"]),
            jobs=row["jobs"],
            discarded=row["discarded"],
            next_expiry_seconds=row["next_expiry_seconds"],
        )

    async def stage(self, limit: int, term: int | None = None) -> Staged:
        """See Store."""
        row = await self._fetchrow("stage", limit, term)
        return Staged(row["jobs"], row["next_due_seconds"])

    async def expire(self, limit: int, term: int | None = None) -> int:
        """See Store."""
        return int((await self._fetchrow("expire", limit, term))["jobs"])

    async def prune(self, retention: Retention, limit: int, term: int | None = None) -> int:
        """See Store."""
        kept = {
            JobState.COMPLETED: retention.completed_seconds,
            JobState.CANCELLED: retention.cancelled_seconds,
            JobState.DISCARDED: retention.discarded_seconds,
        }
        bounded = {state.value: seconds for state, seconds in kept.items() if seconds is not None}
        row = await self._fetchrow("prune", list(bounded), list(bounded.values()), limit, term)
        return int(row["jobs"])

    async def declare_kinds(self, node_id: int, kinds: Sequence[str]) -> None:
        """See Store."""
        await self._fetch("declare_kinds", node_id, list(kinds))

    async def declare_schedules(self, node_id: int, schedules: Sequence[ScheduleInfo]) -> int:
        """See Store."""
        text = timetable.definitions_json(schedules)
        return int((await self._fetchrow("declare_schedules", node_id, text))["schedules"])

    async def due_schedules(self, limit: int) -> DueSchedules:
        """See Store."""
        return timetable.due_of(await self._fetch("due_schedules", limit))

    async def fire(self, plans: Sequence[Plan], term: int | None = None) -> Fired:
        """See Store."""
        row = await self._fetchrow("fire", *timetable.plan_columns(plans), term)
        return Fired(row["schedules"], row["jobs"])

    async def queue_retentions(self) -> list[QueueRetention]:
        """See Store."""
        found = await self._fetch("queue_retentions")
        return [QueueRetention(row[0], JobState(row[1]), row[2]) for row in found]

    async def prune_queue(
        self, kept: QueueRetention, after: datetime | None, limit: int, term: int | None = None
    ) -> Swept:
        """See Store."""
        rule = kept.state.value, kept.queue, kept.seconds
        return Swept(*await self._fetchrow("prune_queue", *rule, after, limit, term))

    async def reindex(self, but: Sequence[str], term: int | None = None) -> Rebuilt | None:
        """See Store."""
        if self._bridge.pooler:
            return None
        unit = partial(indexes.tend, namespace=self._namespace, term=term, but=but)
        try:
            return await self._bridge.run(unit, timeout_seconds=indexes.BUILD_SECONDS)
        except DatabaseError as error:
            if error.sqlstate == indexes.LOCK_NOT_AVAILABLE:
                return None
            raise typed(error, self._namespace) from error

    async def elect(self, node_id: int, term_seconds: float) -> Term:
        """See Store."""
        return rows.term_of(await self._fetchrow("elect", node_id, term_seconds))

    async def resign(self, node_id: int) -> None:
        """See Store."""
        await self._fetch("resign", node_id)

    async def cancel(self, job_id: UUID, reason: str | None = None, *, force: bool = False) -> Job:
        """See Store."""
        return await self._change_and_get("cancel", job_id, cancel_reason(reason), force)

    async def pause_job(self, job_id: UUID) -> Job:
        """See Store."""
        return await self._change_and_get("job_pause", job_id)

    async def resume_job(self, job_id: UUID) -> Job:
        """See Store."""
        return await self._change_and_get("job_resume", job_id)

    async def retry(self, job_id: UUID) -> Job:
        """See Store."""
        try:
            return await self._change_and_get("retry", job_id)
        except JobNotUnique:
            found = await self._fetch("holder", job_id)
            raise JobNotUnique(found[0]["id"] if found else None) from None

    async def delete(self, job_id: UUID) -> bool:
        """See Store."""

        async def unit(connection: Connection) -> bool:
            if await connection.fetch(sql.load("delete"), job_id):
                return True
            await read_job(connection, job_id)
            return False

        return await self._run(unit)

    async def get(self, job_id: UUID) -> Job:
        """See Store."""
        return await self._run(lambda connection: read_job(connection, job_id))

    async def jobs(
        self,
        filter: JobFilter,  # noqa: A002 - the word for it
        *,
        limit: int = 50,
        before: UUID | None = None,
    ) -> list[Job]:
        """See Store."""
        found = await self._fetch_freely("jobs", *values_of(filter), before, limit)
        return [rows.job_of(row) for row in found]

    async def counts(self) -> dict[JobState, int]:
        """See Store."""
        found = {row["state"]: row["jobs"] for row in await self._fetch_freely("counts")}
        return {state: found.get(state.value, 0) for state in JobState}

    async def counts_by_queue(self) -> dict[tuple[str, JobState], int]:
        """See Store."""
        found = await self._fetch("job_counts")
        return {(row["queue"], JobState(row["state"])): row["jobs"] for row in found}

    async def pause(self, queue: str) -> None:
        """See Store."""
        names = [known.name for known in await self.queues()] if queue == "*" else [queue]
        await self._fetch("pause", names)

    async def resume(self, queue: str) -> None:
        """See Store."""
        await self._fetch("resume", queue)

    async def queues(self) -> list[QueueInfo]:
        """See Store."""
        found = await self._fetch("queues")
        await self._fetch("job_count_fold", FOLD_FROM_ROWS)
        return [rows.queue_of(row) for row in found]

    async def enqueued(self) -> int:
        """See Store."""
        jobs: int = (await self._fetchrow("enqueued"))["jobs"]
        return jobs

    async def nodes(self) -> list[NodeRow]:
        """See Store."""
        return [rows.node_of(row) for row in await self._fetch("nodes")]

    async def awaiting_cancel(self, node_id: int) -> dict[UUID, str | None]:
        """See Store."""
        found = await self._fetch("awaiting_cancel", node_id)
        return dict(sorted((row["id"], row["cancel_reason"]) for row in found))

    async def awaiting_pause(self, node_id: int) -> list[UUID]:
        """See Store."""
        return sorted(row["id"] for row in await self._fetch("awaiting_pause", node_id))

    async def check(self) -> None:
        """See Store."""
        require_version(self._namespace, (await self._fetchrow("check"))["version"])

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[Listening]:
        """See Store."""
        topics = channels_of(self._namespace)
        async with self._listen_bridge.listen(list(topics)) as notes:
            yield Notifications(notes, topics, partial(self._standby, notes))

    def _standby(self, ear: object) -> Standby | None:
        """None if we listen elsewhere: what is heard in one thread cannot begin in another."""
        if self._listen_bridge is not self._bridge:
            return None
        return Standby(f"{self._namespace}.wakeup", ear)

    async def _change_and_get(self, statement: str, job_id: UUID, *values: object) -> Job:
        async def unit(connection: Connection) -> Job:
            await connection.fetch(sql.load(statement), job_id, *values)
            return await read_job(connection, job_id)

        return await self._run(unit)

    async def _fetch(self, statement: str, *values: Any) -> list[Row]:
        return await self._run(lambda connection: connection.fetch(sql.load(statement), *values))

    async def _fetch_freely(self, statement: str, *values: Any) -> list[Row]:
        """With the planner left to itself."""

        async def unit(connection: Connection) -> list[Row]:
            async with connection.transaction():
                await connection.fetch(sql.load("plan_freely"))
                return await connection.fetch(sql.load(statement), *values)

        return await self._run(unit)

    async def _fetchrow(self, statement: str, *values: Any) -> Row:
        (row,) = await self._fetch(statement, *values)
        return row

    async def _run(self, unit: Unit[T]) -> T:
        try:
            return await self._bridge.run(unit)
        except DatabaseError as error:
            raise typed(error, self._namespace) from error


async def read_job(connection: Connection, job_id: UUID) -> Job:
    """A job with its latest failures. Raises: JobNotFound."""
    row = await connection.fetchrow(sql.load("get"), job_id)
    if row is None:
        raise JobNotFound(job_id)
    failures = await connection.fetch(sql.load("failures"), job_id, FAILURES_SHOWN)
    return rows.job_of(row, failures)
