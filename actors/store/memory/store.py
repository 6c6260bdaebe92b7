"""MemoryStore: the protocol's methods, each one atomic step on the state, with its faults."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

import attrs
import trio

from actors.store.guard import Guard, OnWarning, ignore_warning
from actors.store.memory import desk, membership, timetable, work
from actors.store.memory.faults import Faults
from actors.store.memory.limits import claim_limited
from actors.store.memory.rows import EPOCH, Clock
from actors.store.memory.state import State
from actors.store.memory.workflow_methods import MemoryWorkflows
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
from runtime.errors import PayloadError, StoreUnavailable
from runtime.job import ClaimedJob, Job, NewJob
from runtime.job_filter import JobFilter
from runtime.lifecycle import Ack, JobState
from runtime.limits import QueueLimits
from runtime.note import cancel_reason
from runtime.payload import DEFAULT_LIMITS, PayloadLimits, check_text
from runtime.schedule import Plan, ScheduleInfo


class MemoryStore(MemoryWorkflows):
    """A Store in memory; see the package.

    Attributes: faults, what shall go wrong.
    """

    def __init__(
        self,
        *,
        limits: PayloadLimits = DEFAULT_LIMITS,
        on_warning: OnWarning = ignore_warning,
        epoch: datetime = EPOCH,
    ) -> None:
        """`epoch` is the date that the store's clock shows when trio's shows 0."""
        self._state = State(Clock(epoch))
        self.faults = Faults(self._state.board.commit)
        self._guard = Guard(limits, on_warning)

    def now(self) -> datetime:
        """The store's own time."""
        return self._state.clock.date(self._state.clock.now())

    def advance(self, seconds: float) -> None:
        """Move the store's clock on, and nobody else's."""
        self._state.clock.ahead += seconds

    def lose_database(self) -> None:
        """Every call fails, and listening is lost, until `find_database`."""
        self.faults.unavailable = True
        self._state.board.set_down(True)

    def find_database(self) -> None:
        """The database is back; listeners hear of it."""
        self.faults.unavailable = False
        self._state.board.set_down(False)

    def lose_listeners(self) -> None:
        """Listening is lost, and what is notified with it, until `find_listeners`."""
        self._state.board.set_down(True)

    def find_listeners(self) -> None:
        """Listening is back."""
        self._state.board.set_down(False)

    def wait_for(self, job_id: UUID) -> None:
        """Ask for the topic "finished" when this job ends, as a waiting client does."""
        self._state.waiters.add(job_id)

    def limit(self, queue: str, limits: QueueLimits) -> None:
        """Set a queue's limits, as a client does."""
        self._state.limits[queue] = limits
        self._state.board.notify("control", f"queues:{queue}")
        self._state.board.notify("wakeup", queue)

    def assign(self, queue: str, served: str | None) -> None:
        """Have all nodes serve a queue besides, or no more (None), as a client does."""
        for node in self._state.nodes.values():
            node.assigned[queue] = served
            names = set(node.info.queues) - {queue} | ({queue} if served else set())
            node.info = attrs.evolve(node.info, queues=tuple(sorted(names)))
        self._state.board.notify("control", f"queues:{queue}")

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[bool]:
        """See Store."""
        self._guard.check_jobs(jobs)
        async with self.faults.around("enqueue"):
            return self._state.enqueue(list(jobs))

    async def claim(self, node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
        """See Store."""
        async with self.faults.around("claim"):
            return work.claim(self._state, node_id, demand)

    async def claim_at(
        self, standby: Standby, node_id: int, demand: Sequence[Demand], *, timeout_seconds: float
    ) -> list[ClaimedJob]:
        """See Store."""
        self.faults.calls["claim_at"] += 1
        if not await self._state.board.wait_for(standby):
            return []
        began = trio.current_time()
        with trio.move_on_after(timeout_seconds):
            try:
                return await self.claim(node_id, demand)
            finally:
                standby.seconds = trio.current_time() - began
        raise StoreUnavailable(f"claim: not answered within {timeout_seconds:g} s")

    async def claim_limited(self, node_id: int, demand: Sequence[Demand]) -> LimitedClaim:
        """See Store."""
        async with self.faults.around("claim_limited"):
            return claim_limited(self._state, node_id, demand)

    async def served(self, node_id: int, *, any_queue: bool) -> Served:
        """See Store."""
        async with self.faults.around("served"):
            waiting = self._state.jobs.waiting_queues() if any_queue else []
            limited = (name for name, limits in self._state.limits.items() if limits)
            node = self._state.nodes.get(node_id)
            assigned = {} if node is None else dict(node.assigned)
            return Served(frozenset(limited), assigned, tuple(sorted(waiting)))

    async def ack(self, acks: Sequence[Ack]) -> Acked:
        """See Store."""
        checked = [self._storable(one) for one in self._guard.checked_acks(acks)]
        async with self.faults.around("ack"):
            return work.ack(self._state, checked)

    def _storable(self, ack: Ack) -> Ack:
        """As PostgreSQL, which finds at last that an output is no JSON."""
        try:
            if ack.output is not None:
                check_text("output", ack.output)
        except PayloadError as error:
            return self._guard.refusal(ack, error)
        return ack

    async def in_doubt(self, runs: Sequence[tuple[UUID, int]]) -> InDoubt:
        """See Store. Nobody else has transactions here."""
        async with self.faults.around("in_doubt"):
            return InDoubt(
                completed=tuple(run for run in runs if self._state.jobs.completed_by(*run))
            )

    async def note(self, notes: Sequence[RunNote]) -> int:
        """See Store."""
        checked = [self._guard.checked_note(one) for one in notes]
        async with self.faults.around("note"):
            return work.take_notes(self._state, checked)

    async def release(self, runs: Sequence[tuple[UUID, int]]) -> int:
        """See Store."""
        async with self.faults.around("release"):
            return work.release(self._state, runs)

    async def holdings(self, node_id: int) -> list[tuple[UUID, int]]:
        """See Store."""
        async with self.faults.around("holdings"):
            return [(job.id, job.run_number) for job in self._state.held_by(node_id)]

    async def join(self, node: NodeInfo, lease_seconds: float) -> int:
        """See Store."""
        async with self.faults.around("join"):
            return membership.join(self._state, node, lease_seconds)

    async def renew(self, node_id: int, lease_seconds: float) -> bool:
        """See Store."""
        async with self.faults.around("renew"):
            return membership.renew(self._state, node_id, lease_seconds)

    async def neighbours(self, node_id: int) -> list[NodeProcess]:
        """See Store."""
        async with self.faults.around("neighbours"):
            return membership.neighbours(self._state, node_id)

    async def want_wakeups(self, node_id: int, wanted: bool) -> None:
        """See Store."""
        async with self.faults.around("want_wakeups"):
            membership.want_wakeups(self._state, node_id, wanted)

    async def leave(self, node_id: int) -> None:
        """See Store."""
        async with self.faults.around("leave"):
            membership.leave(self._state, node_id)

    async def rescue(self, limit: int, term: int | None = None) -> Rescued:
        """See Store."""
        async with self.faults.around("rescue"):
            return work.rescue(self._state, limit, term)

    async def stage(self, limit: int, term: int | None = None) -> Staged:
        """See Store."""
        async with self.faults.around("stage"):
            return work.stage(self._state, limit, term)

    async def expire(self, limit: int, term: int | None = None) -> int:
        """See Store."""
        async with self.faults.around("expire"):
            return work.expire(self._state, limit, term)

    async def prune(self, retention: Retention, limit: int, term: int | None = None) -> int:
        """See Store."""
        async with self.faults.around("prune"):
            return work.prune(self._state, retention, limit, term)

    async def declare_kinds(self, node_id: int, kinds: Sequence[str]) -> None:
        """See Store."""
        async with self.faults.around("declare_kinds"):
            membership.declare_kinds(self._state, node_id, kinds)

    async def declare_schedules(self, node_id: int, schedules: Sequence[ScheduleInfo]) -> int:
        """See Store."""
        async with self.faults.around("declare_schedules"):
            return timetable.declare(self._state, node_id, schedules)

    async def due_schedules(self, limit: int) -> DueSchedules:
        """See Store."""
        async with self.faults.around("due_schedules"):
            return timetable.due(self._state, limit)

    async def fire(self, plans: Sequence[Plan], term: int | None = None) -> Fired:
        """See Store."""
        async with self.faults.around("fire"):
            return timetable.fire(self._state, plans, term)

    async def queue_retentions(self) -> list[QueueRetention]:
        """None: nobody can say so here."""
        async with self.faults.around("queue_retentions"):
            return []

    async def prune_queue(
        self, kept: QueueRetention, after: datetime | None, limit: int, term: int | None = None
    ) -> Swept:
        """See Store."""
        async with self.faults.around("prune_queue"):
            return work.prune_queue(self._state, kept, after, limit, term)

    async def reindex(self, but: Sequence[str], term: int | None = None) -> Rebuilt | None:
        """Nothing: there are no indexes."""
        async with self.faults.around("reindex"):
            return None

    async def elect(self, node_id: int, term_seconds: float) -> Term:
        """See Store."""
        async with self.faults.around("elect"):
            return membership.elect(self._state, node_id, term_seconds)

    async def resign(self, node_id: int) -> None:
        """See Store."""
        async with self.faults.around("resign"):
            membership.resign(self._state, node_id)

    async def cancel(self, job_id: UUID, reason: str | None = None, *, force: bool = False) -> Job:
        """See Store."""
        async with self.faults.around("cancel"):
            return desk.cancel(self._state, job_id, cancel_reason(reason), force=force)

    async def pause_job(self, job_id: UUID) -> Job:
        """See Store."""
        async with self.faults.around("pause_job"):
            return desk.pause_job(self._state, job_id)

    async def resume_job(self, job_id: UUID) -> Job:
        """See Store."""
        async with self.faults.around("resume_job"):
            return desk.resume_job(self._state, job_id)

    async def retry(self, job_id: UUID) -> Job:
        """See Store."""
        async with self.faults.around("retry"):
            return desk.retry(self._state, job_id)

    async def delete(self, job_id: UUID) -> bool:
        """See Store."""
        async with self.faults.around("delete"):
            return desk.delete(self._state, job_id)

    async def get(self, job_id: UUID) -> Job:
        """See Store."""
        async with self.faults.around("get"):
            return desk.shown(self._state, self._state.jobs.get(job_id))

    async def jobs(
        self,
        filter: JobFilter,  # noqa: A002 - the word for it
        *,
        limit: int = 50,
        before: UUID | None = None,
    ) -> list[Job]:
        """See Store."""
        async with self.faults.around("jobs"):
            return desk.jobs(self._state, filter, limit, before)

    async def counts(self) -> dict[JobState, int]:
        """See Store."""
        async with self.faults.around("counts"):
            return {state: self._state.jobs.count(state) for state in JobState}

    async def counts_by_queue(self) -> dict[tuple[str, JobState], int]:
        """See Store."""
        async with self.faults.around("counts_by_queue"):
            return Counter((job.new.queue, job.state) for job in self._state.jobs.newest_first())

    async def pause(self, queue: str) -> None:
        """See Store."""
        async with self.faults.around("pause"):
            desk.pause(self._state, queue)

    async def resume(self, queue: str) -> None:
        """See Store."""
        async with self.faults.around("resume"):
            desk.resume(self._state, queue)

    async def queues(self) -> list[QueueInfo]:
        """See Store."""
        async with self.faults.around("queues"):
            return desk.queues(self._state)

    async def enqueued(self) -> int:
        """See Store."""
        async with self.faults.around("enqueued"):
            return self._state.enqueued

    async def nodes(self) -> list[NodeRow]:
        """See Store."""
        async with self.faults.around("nodes"):
            return membership.nodes(self._state)

    async def awaiting_cancel(self, node_id: int) -> dict[UUID, str | None]:
        """See Store."""
        async with self.faults.around("awaiting_cancel"):
            held = self._state.held_by(node_id)
            told = [job for job in held if job.unaware_run == job.run_number]
            return {job.id: job.cancel_reason for job in told}

    async def awaiting_pause(self, node_id: int) -> list[UUID]:
        """See Store."""
        async with self.faults.around("awaiting_pause"):
            held = self._state.held_by(node_id)
            return sorted(job.id for job in held if job.paused_at is not None)

    async def check(self) -> None:
        """See Store."""
        async with self.faults.around("check"):
            return

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[Listening]:
        """See Store."""
        await trio.lowlevel.checkpoint()
        async with self._state.board.listen() as notifications:
            yield notifications
