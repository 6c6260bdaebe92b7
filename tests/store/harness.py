"""What a contract test holds in its hands: a Store of either kind, and the passing of its time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import attrs
import psycopg

from actors.store.memory import MemoryStore
from actors.store.protocol import Demand, NodeInfo, Store
from runtime import sql
from runtime.ids import uuid7
from runtime.job import ClaimedJob, NewJob
from runtime.lifecycle import Ack, JobState
from runtime.limits import QueueLimits
from runtime.outcome import Failure
from runtime.workflow.records import Answer, Refused
from tests.store.tables import Tables

OOPS = Failure("ValueError", "oops", "Traceback: oops")


class Hands(Protocol):
    """What differs between the Stores."""

    def pass_time(self, seconds: float) -> None:
        """All that was written becomes so much older."""

    def wait_for(self, job_id: UUID) -> None:
        """Ask to be notified of this job's end, as a client does."""

    def limit(self, queue: str, limits: QueueLimits) -> None:
        """Set a queue's limits, as a client does."""

    def assign(self, queue: str, served: str | None) -> None:
        """Have all nodes serve a queue besides, or no more (None), as a client does."""

    def send_signal(
        self, job_id: UUID, name: str, value: str = "null", signal_id: UUID | None = None
    ) -> str | None:
        """Send a signal, as a client does: "sent", "known", or the state of an ended job."""

    def emit_event(self, name: str, value: str = "null") -> bool:
        """Let an event happen, as a client does: whether it was the first."""

    def published(self, job_id: UUID, key: str) -> str | None:
        """What a workflow has published."""


@attrs.frozen
class MemoryHands:
    store: MemoryStore

    def pass_time(self, seconds: float) -> None:
        self.store.advance(seconds)

    def wait_for(self, job_id: UUID) -> None:
        self.store.wait_for(job_id)

    def limit(self, queue: str, limits: QueueLimits) -> None:
        self.store.limit(queue, limits)

    def assign(self, queue: str, served: str | None) -> None:
        self.store.assign(queue, served)

    def send_signal(
        self, job_id: UUID, name: str, value: str = "null", signal_id: UUID | None = None
    ) -> str | None:
        return self.store.send_signal(job_id, name, value, signal_id)

    def emit_event(self, name: str, value: str = "null") -> bool:
        return self.store.emit_event(name, value)

    def published(self, job_id: UUID, key: str) -> str | None:
        return self.store.published(job_id, key)


@attrs.frozen
class PostgresHands:
    tables: Tables

    def pass_time(self, seconds: float) -> None:
        self.tables.pass_time(seconds)

    def wait_for(self, job_id: UUID) -> None:
        self.tables.connection.execute(
            "INSERT INTO waiter VALUES (%s, now() + interval '1 hour')", [job_id]
        )

    def limit(self, queue: str, limits: QueueLimits) -> None:
        rate = limits.rate
        of_rate: tuple[object, ...] = (None, None, None, False)
        if rate is not None:
            of_rate = (rate.count, rate.per, rate.burst, rate.per_key)
        self._run("queue_limit", queue, limits.concurrency, limits.per_key, *of_rate, limits.fair)

    def assign(self, queue: str, served: str | None) -> None:
        self._run("queue_assign", queue, served, None)

    def send_signal(
        self, job_id: UUID, name: str, value: str = "null", signal_id: UUID | None = None
    ) -> str | None:
        found = self.tables.connection.execute(
            "SELECT send_signal(%s, %s, %s::jsonb, %s)", [job_id, name, value, signal_id]
        ).fetchone()
        assert found is not None
        answer: str | None = found[0]
        return answer

    def emit_event(self, name: str, value: str = "null") -> bool:
        found = self.tables.connection.execute(
            "SELECT emit_event(%s, %s::jsonb)", [name, value]
        ).fetchone()
        assert found is not None
        return bool(found[0])

    def published(self, job_id: UUID, key: str) -> str | None:
        found = self.tables.connection.execute(
            "SELECT value::text FROM published WHERE job_id = %s AND key = %s", [job_id, key]
        ).fetchone()
        return None if found is None else str(found[0])

    def _run(self, statement: str, *values: object) -> None:
        psycopg.RawCursor(self.tables.connection).execute(sql.load(statement), values)


@attrs.define
class Bench:
    """A Store with short cuts to what most tests begin with."""

    store: Store
    hands: Hands
    warnings: list[tuple[str, int]]  # what on_warning was told

    async def add(self, count: int = 1, /, **options: object) -> list[UUID]:
        """Enqueue jobs of kind "k" and return their ids."""
        jobs = [new_job(**options) for _ in range(count)]
        assert all(await self.store.enqueue(jobs))
        return [job.id for job in jobs]

    async def node(self, lease_seconds: float = 30.0, name: str = "host:1") -> int:
        """Join a node."""
        return await self.store.join(node_info(name), lease_seconds)

    async def claim(
        self, node_id: int, places: int = 100, kinds: Sequence[str] = ("k",)
    ) -> list[ClaimedJob]:
        """Claim from the default queue."""
        return await self.store.claim(node_id, [Demand("default", tuple(kinds), places)])

    async def run_one(self, **options: object) -> ClaimedJob:
        """A job that a new node runs."""
        await self.add(**options)
        (job,) = await self.claim(await self.node())
        return job

    async def finish(self, state: JobState = JobState.COMPLETED, **options: object) -> UUID:
        """A job that has come to its end."""
        job = await self.run_one(**options)
        acked = await self.store.ack([ack_of(job, state)])
        assert acked.written == 1
        return job.id

    async def state(self, job_id: UUID) -> JobState:
        """The state of a job."""
        return (await self.store.get(job_id)).state


def new_job(**options: object) -> NewJob:
    """A job with an id of its own."""
    return NewJob(**{"id": uuid7(), "kind": "k", **options})  # type: ignore[arg-type]


def node_info(name: str = "host:1", queues: tuple[str, ...] = ("default",)) -> NodeInfo:
    """A node."""
    return NodeInfo(name, "host", "boot", 1, "0", "0.1", queues, 2)


def ack_of(job: ClaimedJob, state: JobState = JobState.COMPLETED, **options: object) -> Ack:
    """An ack of a claimed run."""
    return Ack(job.id, job.run_number, state, **options)  # type: ignore[arg-type]


def refusal(answer: Answer) -> Refused:
    """The answer, which has to be a refusal."""
    assert isinstance(answer, Refused)
    return answer
