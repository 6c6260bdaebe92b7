"""A workflow's timeline, as it is shown: its steps, done and open, in the order of their places.

Rule: frozen data. Times are the database's, in UTC; what a step left is shown as outputs of jobs
are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

OPS = frozenset(
    {
        "step",
        "sleep",
        "signal",
        "event",
        "run",
        "map",
        "graph",
        "publish",
        "transaction",
        "now",
        "random",
        "uuid",
        "start",
        "continue",
    }
)
"""What a step may be."""


class Step(msgspec.Struct, frozen=True):
    """One step of a workflow.

    Attributes: place, "3", or "3.1.2" within a gather; op, of OPS; name; done, or it waits; output,
    UNSET where that was not asked for; error_class and message, if it failed for good, or will be
    tried again; attempts, that it took; run_number, of the run that recorded it, on node; seconds,
    that it took; until, when an open one goes on or gives up; began_at and recorded_at; children,
    of run and map: how many jobs are in which state.
    """

    place: str
    op: str
    name: str
    done: bool
    output: Any
    error_class: str | None
    message: str | None
    attempts: int
    run_number: int
    node: str | None
    seconds: float | None
    until: datetime | None
    began_at: datetime
    recorded_at: datetime
    children: Mapping[str, int] = {}

    @property
    def failed(self) -> bool:
        """Whether its attempts are used up."""
        return self.done and self.error_class is not None

    @property
    def depth(self) -> int:
        """0, or how many gathers it stands in."""
        return self.place.count(".") // 2


def whole_number(place: str) -> int:
    """The number, from 1, of the operation of the workflow itself that a place stands in."""
    return int(place.partition(".")[0])
