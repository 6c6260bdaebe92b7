"""The two Stores under test: how each is emptied, how its time is moved, and all that it holds.

Rule: all of it is asked from a thread beside trio's, where Hypothesis runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar
from uuid import UUID

import attrs
import trio

from actors.store.memory import MemoryStore
from actors.store.postgres import PostgresStore
from actors.store.protocol import Store
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState
from tests.store.machine import movable_clock
from tests.store.machine.rows import (
    EPOCH,
    JobRow,
    NodeShown,
    Snapshot,
    row_of,
    seconds_of,
)
from tests.store.tables import Tables

T = TypeVar("T")

_READ = """
SELECT
    (
        SELECT json_agg(json_build_array(
            job.id, job.kind, job.queue, job.priority, job.max_attempts, job.tags, job.state,
            extract(epoch FROM job.created_at - begun.at),
            extract(epoch FROM job.scheduled_at - begun.at),
            job.attempt, job.run_number, node.name,
            extract(epoch FROM job.attempted_at - begun.at),
            extract(epoch FROM job.finalized_at - begun.at),
            extract(epoch FROM job.cancel_requested_at - begun.at),
            job.output,
            extract(epoch FROM job.expires_at - begun.at), job.crashes
        ))
        FROM job LEFT JOIN node ON node.id = job.node_id
    ) AS jobs,
    (
        SELECT json_agg(json_build_array(
            failure.job_id, failure.run_number, failure.attempt, failure.error_class, failure.node,
            extract(epoch FROM failure.failed_at - begun.at)
        ) ORDER BY failure.run_number DESC)
        FROM failure
    ) AS failures,
    (
        SELECT json_agg(json_build_array(
            node.name, extract(epoch FROM node.expires_at - begun.at),
            node.ended_at IS NULL AND node.expires_at > begun.at + make_interval(secs => %s)
        ))
        FROM node
    ) AS nodes,
    (
        SELECT node.name
        FROM leader JOIN node ON node.id = leader.node_id
        WHERE leader.expires_at > begun.at + make_interval(secs => %s)
    ) AS leader,
    (
        SELECT json_agg(json_build_array(
            queue.name, extract(epoch FROM queue.paused_at - begun.at)
        ))
        FROM queue
        WHERE queue.paused_at IS NOT NULL
    ) AS paused
FROM (SELECT CAST(%s AS timestamptz) AS at) AS begun
"""


def ask(question: Callable[..., Awaitable[T]], *values: Any) -> T:
    """Ask in trio's thread, and wait for the answer in this one."""
    return trio.from_thread.run(question, *values)


class Backend(Protocol):
    """A Store under test."""

    @property
    def store(self) -> Store: ...

    def begin(self) -> None:
        """Nothing is in it, and its clock shows 0."""

    def show(self, now: float) -> None:
        """Move its clock."""

    def snapshot(self) -> Snapshot:
        """All that it holds."""


@attrs.define
class MemoryBackend:
    """Under trio's MockClock, which stands still."""

    store: MemoryStore = attrs.field(factory=MemoryStore)
    _shows: float = 0.0

    def begin(self) -> None:
        self.store = MemoryStore(epoch=EPOCH)
        self._shows = 0.0

    def show(self, now: float) -> None:
        self.store.advance(now - self._shows)
        self._shows = now

    def snapshot(self) -> Snapshot:
        return ask(self._read)

    async def _read(self) -> Snapshot:
        shown = await self.store.jobs(JobFilter(), limit=999)
        jobs = [await self.store.get(job.id) for job in shown]
        nodes = await self.store.nodes()
        leaders = [node.name for node in nodes if node.leader]
        paused = {queue.name: seconds_of(queue.paused_at) for queue in await self.store.queues()}
        return Snapshot(
            jobs={job.id: row_of(job) for job in jobs},
            nodes={
                node.name: NodeShown(seconds_of(node.expires_at) or 0.0, node.live)
                for node in nodes
            },
            leader=leaders[0] if leaders else None,
            paused={name: at for name, at in paused.items() if at is not None},
        )


@attrs.define
class PostgresBackend:
    """With a movable clock. What it holds is read from the tables, not asked of the Store."""

    store: PostgresStore
    tables: Tables
    _shows: float = 0.0

    def begin(self) -> None:
        # Cheaper than TRUNCATE for a few rows.
        for table in ("failure", "job", "node", "queue"):
            self.tables.connection.execute(f"DELETE FROM {table}".encode())
        self.tables.connection.execute(
            "UPDATE leader SET term = 0, node_id = NULL, expires_at = '-infinity'"
        )
        self.show(0.0)

    def show(self, now: float) -> None:
        movable_clock.show(self.tables, now)
        self._shows = now

    def snapshot(self) -> Snapshot:
        found = self.tables.connection.execute(_READ, [self._shows, self._shows, EPOCH]).fetchone()
        assert found is not None
        jobs, failures, nodes, leader, paused = found
        rows = {row.id: row for row in map(_job, jobs or ())}
        for job_id, *failure in failures or ():
            rows[UUID(job_id)].failures.append(tuple(failure))
        return Snapshot(
            jobs=rows,
            nodes={name: NodeShown(*shown) for name, *shown in nodes or ()},
            leader=leader,
            paused=dict(paused or ()),
        )


def _job(values: list[Any]) -> JobRow:
    row = JobRow(*values)
    row.id = UUID(values[0])
    row.tags = tuple(row.tags)
    row.state = JobState(row.state)
    return row
