"""The table of jobs of a MemoryStore, with what stands for its indexes.

Rule: a state changes in `move` alone, which holds the invariants that are named CHECKs in SQL.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from uuid import UUID

from actors.store.memory.rows import JobEntry
from runtime.errors import JobNotFound
from runtime.job import NewJob
from runtime.lifecycle import JobState

Place = tuple[int, float, UUID, str]


class JobTable:
    """Jobs by id, by state, and the available ones of each queue in the order of claims."""

    def __init__(self) -> None:
        self._by_id: dict[UUID, JobEntry] = {}
        self._by_state: dict[JobState, dict[UUID, JobEntry]] = {state: {} for state in JobState}
        self._available: dict[str, list[Place]] = {}

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._by_id

    def get(self, job_id: UUID) -> JobEntry:
        """Raises: JobNotFound."""
        try:
            return self._by_id[job_id]
        except KeyError:
            raise JobNotFound(job_id) from None

    def current_run(self, job_id: UUID, run_number: int) -> JobEntry | None:
        """The job, if this is the run that it is in now: the fence."""
        job = self._by_id.get(job_id)
        if job is None or job.state is not JobState.RUNNING or job.run_number != run_number:
            return None
        return job

    def completed_by(self, job_id: UUID, run_number: int) -> bool:
        """Whether this run has completed the job."""
        job = self._by_id.get(job_id)
        if job is None or job.run_number != run_number:
            return False
        return job.state is JobState.COMPLETED

    def newest_first(self) -> Iterator[JobEntry]:
        """All jobs, by descending id."""
        for job_id in sorted(self._by_id, reverse=True):
            yield self._by_id[job_id]

    def in_state(self, *states: JobState) -> list[JobEntry]:
        """Jobs in one of these states."""
        return [job for state in states for job in self._by_state[state].values()]

    def count(self, state: JobState) -> int:
        """How many jobs are in this state."""
        return len(self._by_state[state])

    def waiting(self, queue: str) -> list[Place]:
        """The places of a queue's available jobs, in order."""
        return self._available.get(queue, [])

    def waiting_queues(self) -> list[str]:
        """Queues that have an available job."""
        return [queue for queue, places in self._available.items() if places]

    def add(self, job: JobEntry) -> None:
        """Insert a row."""
        self._by_id[job.id] = job
        self._enter(job)

    def remove(self, job: JobEntry) -> None:
        """Delete a row."""
        self._leave(job)
        del self._by_id[job.id]

    def move(
        self,
        job: JobEntry,
        state: JobState,
        now: float,
        *,
        scheduled_at: float | None = None,
        node_id: int | None = None,
    ) -> None:
        """Change a job's state, and when it may run, if that is given."""
        self._leave(job)
        job.state = state
        job.node_id = node_id
        job.finalized_at = now if state.final else None
        if scheduled_at is not None:
            job.scheduled_at = scheduled_at
        self._enter(job)

    def rewrite(self, job: JobEntry, new: NewJob) -> None:
        """Change what a waiting job was enqueued with."""
        self._leave(job)
        job.new = new
        self._enter(job)

    def _enter(self, job: JobEntry) -> None:
        self._by_state[job.state][job.id] = job
        if job.state is JobState.AVAILABLE:
            insort(self._available.setdefault(job.new.queue, []), job.place)

    def _leave(self, job: JobEntry) -> None:
        del self._by_state[job.state][job.id]
        if job.state is JobState.AVAILABLE:
            places = self._available[job.new.queue]
            del places[bisect_left(places, job.place)]
