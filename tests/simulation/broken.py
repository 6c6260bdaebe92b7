"""Databases with a defect each, to show that the simulation finds what it should.

Each breaks one promise of `actors.store.protocol`, and only that.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from actors.store.memory import MemoryStore, work
from actors.store.protocol import Demand, Rescued, RunRecords
from runtime.job import ClaimedJob, NewJob
from runtime.lifecycle import JobState
from runtime.payload import PayloadLimits
from runtime.workflow.records import Recorded, Refused
from tests.simulation.acting import OUTPUT_LIMIT_BYTES


class _Broken(MemoryStore):
    def __init__(self) -> None:
        super().__init__(limits=PayloadLimits(output_bytes=OUTPUT_LIMIT_BYTES))


class ClaimTwice(_Broken):
    """Every tenth job that is claimed can be claimed by another node as well."""

    def __init__(self) -> None:
        super().__init__()
        self._claimed = 0

    async def claim(self, node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
        jobs = await super().claim(node_id, demand)
        for job in jobs:
            self._claimed += 1
            if self._claimed % 10 == 0:
                entry = self._state.jobs.get(job.id)
                self._state.jobs.move(entry, JobState.AVAILABLE, self._state.clock.now())
                self._state.announce(entry)
        return jobs


class RescueEarly(_Broken):
    """Jobs that have run for a second are rescued, though their node's lease has not ended."""

    async def rescue(self, limit: int, term: int | None = None) -> Rescued:
        rescued = await super().rescue(limit, term)
        now = self._state.clock.now()
        for job in self._state.jobs.in_state(JobState.RUNNING):
            if job.attempted_at is not None and job.node_id and now - job.attempted_at > 1.0:
                work._rescue_one(self._state, self._state.nodes[job.node_id], job)
        return rescued


class ReleaseForgets(_Broken):
    """What is released stays with its node."""

    async def release(self, runs: Sequence[tuple[UUID, int]]) -> int:
        return len(runs)


class RescueUncounted(_Broken):
    """A rescue does not count as an attempt, and leaves no trace."""

    async def rescue(self, limit: int, term: int | None = None) -> Rescued:
        before = {job.id: len(job.failures) for job in self._state.jobs.in_state(JobState.RUNNING)}
        rescued = await super().rescue(limit, term)
        for job_id, failures in before.items():
            job = self._state.jobs.get(job_id)
            if len(job.failures) > failures:
                del job.failures[0]
        return rescued


class EnqueueTwice(_Broken):
    """A repeated enqueue begins the job anew."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[bool]:
        for job in jobs:
            if job.id in self._state.jobs:
                self._state.jobs.remove(self._state.jobs.get(job.id))
        return await super().enqueue(jobs)


class EnqueueForgets(_Broken):
    """Every fifth enqueue is confirmed, and its last job not written."""

    def __init__(self) -> None:
        super().__init__()
        self._enqueued = 0

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[bool]:
        self._enqueued += 1
        written = jobs[:-1] if self._enqueued % 5 == 0 else jobs
        await super().enqueue(written)
        return [True for _ in jobs]


class CancelForgets(_Broken):
    """A job that is said to be cancelled can still be claimed."""

    async def claim(self, node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
        for job in self._state.jobs.in_state(JobState.CANCELLED):
            if job.attempt == 0:
                self._state.jobs.move(job, JobState.AVAILABLE, self._state.clock.now())
        return await super().claim(node_id, demand)


class RecordForgets(_Broken):
    """Every fifth write of steps is confirmed, and not done."""

    def __init__(self) -> None:
        super().__init__()
        self._recorded = 0

    async def record(self, records: Sequence[RunRecords]) -> list[Recorded | Refused]:
        self._recorded += 1
        if self._recorded % 5 == 0:
            return [Recorded() for _ in records]
        return await super().record(records)


class WakeForgets(_Broken):
    """Nobody is woken but by time."""

    async def wake(self, job_ids: Sequence[UUID]) -> int:
        return 0

    async def sweep_waits(self, limit: int, term: int | None = None) -> int:
        return 0
