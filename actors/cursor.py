"""The claim cursor: where claims begin while claims from the head are slow.

    head ── slow ──▶ behind the last job claimed ── time for a look ──▶ head

Why: as long as any session holds a snapshot, the index entries of jobs claimed since stay in front
of those that can be claimed, and each claim from the head steps over all of them.

Rules: each group of demand has a place of its own, for claims seldom ask for all of them: a look
from the head of one says nothing of the others. After a slow claim from the head, claims begin
behind the last job of theirs, until twenty times as long as that claim took is over; then one looks
from the head again, for what has come to stand in front: a job of higher priority, of an older
transaction, or given back. So such a job waits that long at most, and looks from the head take a
twentieth of the time. A claim that finds fewer than it has places for has no other work to do: then
looks from the head may take half of the time. Where claims are quick, all of them are from the
head, and the order is strict. Pure; times in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import attrs

from actors.store.protocol import Demand
from runtime.job import ClaimedJob

# A claim from the head is slow beyond this: several times what it takes without dead entries.
SLOW_SECONDS = 0.005
SLOW_SECONDS_A_JOB = 0.00005
# Looks from the head are so much longer apart than the last one took; and where there is nothing
# else to claim, so much: a single slow claim, of a machine that was busy, held up what stood in
# front for one or two seconds.
APART = 20.0
APART_IDLE = 1.0

Group = tuple[str, tuple[str, ...]]


@attrs.frozen
class _Look:
    """A slow one, from the head."""

    began: float
    seconds: float

    def next_at(self, apart: float) -> float:
        """When there may be another."""
        return self.began + (1 + apart) * self.seconds


@attrs.define
class ClaimCursor:
    """See the module's docstring."""

    _looks: dict[Group, _Look] = attrs.field(factory=dict, init=False)  # of groups that are slow
    # Of those that have begun behind since: when to look from the head again.
    _due: dict[Group, float] = attrs.field(factory=dict, init=False)
    _last: dict[Group, UUID] = attrs.field(factory=dict, init=False)

    @property
    def head_at(self) -> float:
        """When to look from the head, though there may be no other reason to look."""
        return min(self._due.values(), default=float("inf"))

    def to_head(self) -> None:
        """The next claim of each group begins at the head."""
        self._looks.clear()
        self._due.clear()

    def placed(self, demand: Sequence[Demand], now: float) -> list[Demand]:
        """The demand of a claim that would begin now, with the places where it begins."""
        return [
            group
            if self._from_head(_key(group), now)
            else attrs.evolve(group, after=self._last.get(_key(group)))
            for group in demand
        ]

    def claimed(
        self, demand: Sequence[Demand], jobs: Sequence[ClaimedJob], began: float, seconds: float
    ) -> None:
        """A claim for that demand, begun at `began`, took so long and returned these jobs."""
        slow = seconds > SLOW_SECONDS + SLOW_SECONDS_A_JOB * len(jobs)
        for group in demand:
            key = _key(group)
            found = [job for job in jobs if _is_of(job, group)]
            if self._from_head(key, began):
                self._looks.pop(key, None)
                self._due.pop(key, None)
                if slow:
                    self._looks[key] = _Look(began, seconds)
            elif group.after is not None:
                idle = len(found) < group.places
                self._due[key] = self._looks[key].next_at(APART_IDLE if idle else APART)
            if found and key in self._looks:
                self._last[key] = found[-1].id

    def _from_head(self, key: Group, now: float) -> bool:
        look = self._looks.get(key)
        return look is None or now >= self._due.get(key, look.next_at(APART))


def _key(group: Demand) -> Group:
    return group.queue, group.kinds


def _is_of(job: ClaimedJob, group: Demand) -> bool:
    return job.queue == group.queue and job.kind in group.kinds
