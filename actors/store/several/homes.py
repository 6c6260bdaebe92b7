"""Homes: which namespace a run came from, for as long as this node holds it.

Rule: two jobs of one id, of two namespaces, never run here at once: the actors know runs by id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from uuid import UUID

import attrs

T = TypeVar("T")
Run = tuple[UUID, int]


@attrs.define
class Homes:
    """See the module's docstring. Namespaces are known by their place in the node's list."""

    _of: dict[UUID, tuple[int, int]] = attrs.field(factory=dict)  # job id: (place, run number)
    _held: Counter[int] = attrs.field(factory=Counter)

    def held(self, count: int) -> list[int]:
        """How many runs of each of `count` namespaces are held."""
        return [self._held[place] for place in range(count)]

    def take(self, place: int, run: Run) -> bool:
        """Remember where a run is from. False: a job of this id runs that is from elsewhere."""
        job_id, run_number = run
        known = self._of.get(job_id)
        if known is not None and known[0] != place:
            return False
        if known is None:
            self._held[place] += 1
        self._of[job_id] = place, run_number
        return True

    def of(self, job_id: UUID) -> int | None:
        """Where a job is from; None: it is not held."""
        known = self._of.get(job_id)
        return None if known is None else known[0]

    def forget(self, runs: Iterable[Run]) -> None:
        """These have ended. A newer run of the same job is not one of them."""
        for job_id, run_number in runs:
            known = self._of.get(job_id)
            if known is not None and known[1] == run_number:
                del self._of[job_id]
                self._held[known[0]] -= 1

    def clear(self) -> None:
        """Nothing is held any more."""
        self._of.clear()
        self._held.clear()

    def sort(
        self, things: Sequence[T], id_of: Callable[[T], UUID]
    ) -> tuple[dict[int, list[T]], list[T]]:
        """By namespace, and those of which nothing is known."""
        sorted_: dict[int, list[T]] = {}
        unknown: list[T] = []
        for thing in things:
            place = self.of(id_of(thing))
            (unknown if place is None else sorted_.setdefault(place, [])).append(thing)
        return sorted_, unknown
