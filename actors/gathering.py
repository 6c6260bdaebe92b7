"""Gathering: which claimed jobs make one batch, and when it is to be handed over. Pure.

    claimed jobs ─▶ groups by kind (and key) ─▶ ripe: full, or its first job has waited long enough

Rules: a job whose child died in an earlier run is a batch of its own: see `runtime.batch`. Nothing
here knows the time but by its arguments, in seconds of any clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

import attrs

from actors.runs import waited
from runtime.batch import MAX_JOBS, Batch
from runtime.job import ClaimedJob, KindInfo

_ALONE = Batch(max_jobs=1)
# With `by_key`, jobs of so many batches are taken at once: they are of as many keys as there are.
KEYED_BATCHES = 8

# Kind, key if that counts, and the id of a job for a group that nobody joins any more.
_Name = tuple[str, str | None, UUID | None]


@attrs.define
class _Group:
    jobs: list[tuple[ClaimedJob, float]]  # each with when it came
    ripe_at: float


class Gatherer:
    """The jobs of batch kinds that one Worker has and its child has not."""

    def __init__(self, kinds: Mapping[str, KindInfo]) -> None:
        self._batches = {kind: info.batch for kind, info in kinds.items() if info.batch}
        self._groups: dict[_Name, _Group] = {}
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._held.total()

    def held(self, kind: str) -> int:
        """How many jobs of a kind are being gathered."""
        return self._held[kind]

    def room(self, kind: str) -> int:
        """How many more jobs of a kind are wanted."""
        batch = self._batches[kind]
        most = batch.max_jobs * KEYED_BATCHES if batch.by_key else batch.max_jobs
        return max(0, min(MAX_JOBS, most) - self._held[kind])

    def add(self, jobs: Sequence[ClaimedJob], now: float) -> None:
        """These jobs came."""
        for job in jobs:
            batch = self._batches.get(job.kind, _ALONE)
            alone = job.id if job.crashes or batch.max_jobs == 1 else None
            name = job.kind, job.key if batch.by_key else None, alone
            group = self._groups.get(name)
            if group is None:
                wait = 0.0 if alone else batch.wait_seconds
                group = self._groups[name] = _Group([], now + wait)
            group.jobs.append((job, now))
            self._held[job.kind] += 1
            if len(group.jobs) >= batch.max_jobs:
                # Whole; the next of its sort begin another.
                del self._groups[name]
                self._groups[job.kind, None, group.jobs[0][0].id] = attrs.evolve(group, ripe_at=now)

    @property
    def next_at(self) -> float:
        """When the next batch is ripe; infinity if there is none."""
        return min((group.ripe_at for group in self._groups.values()), default=float("inf"))

    def take_ripe(self, now: float) -> list[ClaimedJob]:
        """Take out a batch that is to be handed over; [] if none is."""
        for name, group in self._groups.items():
            if now >= group.ripe_at:
                del self._groups[name]
                self._held[name[0]] -= len(group.jobs)
                return [waited(job, now - came) for job, came in group.jobs]
        return []

    def take(self, job_id: UUID) -> ClaimedJob | None:
        """Take out one job, if it is here."""
        for name, group in self._groups.items():
            for place, (job, _came) in enumerate(group.jobs):
                if job.id == job_id:
                    del group.jobs[place]
                    self._held[job.kind] -= 1
                    if not group.jobs:
                        del self._groups[name]
                    return job
        return None

    def take_all(self) -> list[ClaimedJob]:
        """Take out everything."""
        jobs = [job for group in self._groups.values() for job, _came in group.jobs]
        self._groups.clear()
        self._held.clear()
        return jobs
