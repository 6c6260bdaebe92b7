"""What a history may have in it because of what was done to it, and no more. Pure.

Two things: where enqueues did not wait for the disk, those answered just before a crash may be
gone; and a run may have been given back, uncounted, when its process was drained, or was ended by
its node because the database was away for longer than the lease.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from scripts.campaigns.history import DRAIN, Fault, History, Run

# A node that could not renew its lease may give up so many seconds after the database is back.
GRACE_SECONDS = 3.0


def undoable(history: History) -> frozenset[UUID]:
    """Jobs that may be missing: each of their enqueues was answered just before a crash.

    One that has run was claimed, and who claims waits for the disk: it is not among them.
    """
    is_near = _near_a_crash(history)
    answered = [each for each in history.enqueues if each.answer == "ok"]
    safe = {each.job for each in answered if not is_near(each.at)}
    return frozenset({each.job for each in answered} - safe - {run.job for run in history.runs})


def _near_a_crash(history: History) -> Callable[[float], bool]:
    """Whether an answer may have been undone. It may have been under way when the crash came."""
    crashes = [fault.at for fault in history.faults if fault.undoes]
    seconds = history.asynchronous_seconds
    times = {each.at for each in history.enqueues} if seconds else set()
    near = {at for at in times if any(abs(crash - at) <= seconds for crash in crashes)}
    return near.__contains__


def givers_back(history: History) -> list[Fault]:
    """Faults after which a run may begin again though it has not failed."""
    return [fault for fault in history.faults if fault.kind == DRAIN or fault.lapses]


def was_given_back(run: Run, following: Run, givers: Sequence[Fault]) -> bool:
    """Whether the run's own process was to end, and that before the next run began."""
    return any(
        run.pid in fault.pids
        and fault.at <= following.begun
        and (fault.until is None or run.begun <= fault.until + GRACE_SECONDS)
        for fault in givers
    )
