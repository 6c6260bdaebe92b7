"""The claim cursor: where claims begin while claims from the head are slow.

    head ── slow ──▶ behind the last job claimed ── time for a look ──▶ head

Why: as long as any session holds a snapshot, the index entries of jobs claimed since stay in front
of those that can be claimed, and each claim from the head steps over all of them.

Rules: each group of demand has a place of its own, for claims seldom ask for all of them: a look
from the head of one says nothing of the others. After a slow claim from the head, claims begin
behind the last job of theirs, until twenty times as long as that claim took is over; then one looks
from the head again, for what has come to stand in front: a job of higher priority, of an older
transaction, or given back. So such a job waits that long at most, and looks from the head take a
twentieth of the time. Where claims are quick, all of them are from the head, and the order is
strict. Pure; times in seconds.
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
# Looks from the head are so much longer apart than the last one took.
APART = 20.0

Group = tuple[str, tuple[str, ...]]


@attrs.define
class ClaimCursor:
    """See the module's docstring."""

    _head_due: dict[Group, float] = attrs.field(factory=dict, init=False)  # of those that are slow
    _behind: set[Group] = attrs.field(
        factory=set, init=False
    )  # since their last look from the head
    _last: dict[Group, UUID] = attrs.field(factory=dict, init=False)

    @property
    def head_at(self) -> float:
        """When to look from the head, though there may be no other reason to look."""
        return min((self._head_due[group] for group in self._behind), default=float("inf"))

    def to_head(self) -> None:
        """The next claim of each group begins at the head."""
        self._head_due.clear()
        self._behind.clear()

    def placed(self, demand: Sequence[Demand], now: float) -> list[Demand]:
        """The demand of a claim that would begin now, with the places where it begins."""
        return [
            attrs.evolve(group, after=self._last.get(_key(group)))
            if now < self._head_due.get(_key(group), float("-inf"))
            else group
            for group in demand
        ]

    def claimed(
        self, demand: Sequence[Demand], jobs: Sequence[ClaimedJob], began: float, seconds: float
    ) -> None:
        """A claim for that demand, begun at `began`, took so long and returned these jobs."""
        slow = seconds > SLOW_SECONDS + SLOW_SECONDS_A_JOB * len(jobs)
        for group in demand:
            key = _key(group)
            due = self._head_due.get(key, float("-inf"))
            if began >= due:  # it was a look from the head
                self._behind.discard(key)
                self._head_due.pop(key, None)
                if slow:
                    self._head_due[key] = began + (1 + APART) * seconds
            elif group.after is not None:
                self._behind.add(key)
            last = next((job for job in reversed(jobs) if _is_of(job, group)), None)
            if last is not None and key in self._head_due:
                self._last[key] = last.id


def _key(group: Demand) -> Group:
    return group.queue, group.kinds


def _is_of(job: ClaimedJob, group: Demand) -> bool:
    return job.queue == group.queue and job.kind in group.kinds
