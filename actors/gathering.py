"""Gathering: which claimed jobs make one batch, and when it is to be handed over. Pure.

    claimed jobs ─▶ groups by kind (and key) ─▶ ripe: full, or its first job has waited long enough

Rules: a job whose child died in an earlier run is a batch of its own: see `runtime.batch`. Nothing
here knows the time but by its arguments, in seconds of any clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import attrs

from actors.runs import waited
from runtime.batch import Batch
from runtime.job import ClaimedJob, KindInfo

_ALL = Batch(max_jobs=1)


@attrs.define
class _Group:
    jobs: list[tuple[ClaimedJob, float]]  # each with when it came
    ripe_at: float


class Gatherer:
    """The jobs of batch kinds that one Worker has and its child has not."""

    def __init__(self, kinds: Mapping[str, KindInfo]) -> None:
        self._batches = {kind: info.batch for kind, info in kinds.items() if info.batch}
        self._groups: dict[tuple[str, str | None, UUID | None], _Group] = {}

    def __len__(self) -> int:
        return sum(len(group.jobs) for group in self._groups.values())

    def held(self, kind: str) -> int:
        """How many jobs of a kind are being gathered."""
        return sum(len(g.jobs) for (each, _, _), g in self._groups.items() if each == kind)

    def room(self, kind: str) -> int:
        """How many more jobs of a kind are wanted."""
        return max(0, self._batches[kind].max_jobs - self.held(kind))

    def add(self, jobs: Sequence[ClaimedJob], now: float) -> None:
        """These jobs came."""
        for job in jobs:
            batch = self._batches.get(job.kind, _ALL)
            alone = job.id if job.crashes or batch.max_jobs == 1 else None
            name = job.kind, job.key if batch.by_key else None, alone
            group = self._groups.get(name)
            if group is None:
                wait = 0.0 if alone else batch.wait_seconds
                group = self._groups[name] = _Group([], now + wait)
            group.jobs.append((job, now))
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
                return [waited(job, now - came) for job, came in group.jobs]
        return []

    def take(self, job_id: UUID) -> ClaimedJob | None:
        """Take out one job, if it is here."""
        for name, group in self._groups.items():
            for place, (job, _came) in enumerate(group.jobs):
                if job.id == job_id:
                    del group.jobs[place]
                    if not group.jobs:
                        del self._groups[name]
                    return job
        return None

    def take_all(self) -> list[ClaimedJob]:
        """Take out everything."""
        jobs = [job for group in self._groups.values() for job, _came in group.jobs]
        self._groups.clear()
        return jobs
