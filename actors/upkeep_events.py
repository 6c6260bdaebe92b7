"""Events of maintenance: what was done for all jobs of a namespace. Part of `actors.events`."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from actors.store.protocol import QueueInfo
from runtime.lifecycle import JobState


@attrs.frozen
class Rescued:
    """Jobs of dead nodes were given back."""

    nodes: tuple[str, ...]
    jobs: int
    discarded: int  # of the jobs: those whose attempts were used up


@attrs.frozen
class Staged:
    """Due jobs became available."""

    jobs: int


@attrs.frozen
class Pruned:
    """Old final jobs were deleted, and old events of workflows."""

    jobs: int
    events: int = 0


@attrs.frozen
class Expired:
    """Jobs that waited came to their deadline, and were discarded."""

    jobs: int


@attrs.frozen
class QueuePaused:
    """We were told that a queue was paused; "*" stands for all."""

    queue: str


@attrs.frozen
class QueueResumed:
    """We were told that a queue was resumed; "*" stands for all."""

    queue: str


@attrs.frozen
class Fired:
    """Schedules were due: their jobs were added, and their next firing is planned."""

    schedules: int
    jobs: int


@attrs.frozen
class FiringsMissed:
    """Firings of these schedules were left out, as their catch-up policy has it."""

    schedules: tuple[str, ...]


@attrs.frozen
class ScheduleBroken:
    """A schedule cannot be planned, and does not fire until it is changed."""

    schedule: str
    problem: str


@attrs.frozen
class SchedulesDeclared:
    """The schedules that this node's app defines were written down."""

    schedules: int
    changed: int  # of them: those that are new, or say something new


@attrs.frozen
class Reindexed:
    """A bloated index was built anew, or what was left of an interrupted build was dropped."""

    index: str
    bytes_before: int
    bytes_after: int
    seconds: float


@attrs.frozen
class JobsCounted:
    """The leader counted a namespace's jobs, by queue and state. At the end of a term: none."""

    namespace: str
    jobs: Mapping[tuple[str, JobState], int]


@attrs.frozen
class QueuesMeasured:
    """The leader looked at all queues. At the end of a term it sends an empty tuple."""

    queues: tuple[QueueInfo, ...]
