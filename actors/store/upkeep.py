"""What the leader's duties ask of a Store, and hear from it, beyond counts."""

from __future__ import annotations

from datetime import datetime

import attrs

from runtime.lifecycle import JobState
from runtime.schedule import DueSchedule


@attrs.frozen
class DueSchedules:
    """What of the schedules is due, or was not planned yet."""

    now: datetime  # the database's time, to which they are due
    schedules: tuple[DueSchedule, ...]
    next_due_seconds: float | None  # from now to the next due time, if any schedule waits


@attrs.frozen
class Fired:
    """What a call of fire did."""

    schedules: int  # those that were still as they were read: they are moved on
    jobs: int  # that were added


@attrs.frozen
class Retention:
    """How long final jobs are kept, and events of workflows, in seconds; None: for ever."""

    completed_seconds: float | None = 86_400.0
    cancelled_seconds: float | None = 86_400.0
    discarded_seconds: float | None = 7 * 86_400.0
    events_seconds: float | None = 30 * 86_400.0

    @property
    def of_events(self) -> float | None:
        """An event is kept for no shorter time than any job: one tried again may need it."""
        if self.events_seconds is None:
            return None
        of_jobs = self.completed_seconds, self.cancelled_seconds, self.discarded_seconds
        return max([self.events_seconds, *(each for each in of_jobs if each is not None)])


@attrs.frozen
class QueueRetention:
    """How long a queue keeps its jobs of a final state, in seconds, instead of the default."""

    queue: str
    state: JobState
    seconds: float


@attrs.frozen
class Swept:
    """What a call of prune_queue did."""

    jobs: int  # deleted
    seen: int  # looked at
    reached_at: datetime | None  # the end of the last of them: from where to go on


@attrs.frozen
class Rebuilt:
    """An index that was built anew; bytes_after is 0 for a leftover that was dropped."""

    index: str
    bytes_before: int
    bytes_after: int
