"""Cancelling with clean-up: a workflow is told that it is cancelled where it waits, and undoes.

    client.cancel(job, "why") ─▶ woken ─▶ JobCancelled, at the first operation that is not done
    ─▶ the workflow's except and finally clean up, by steps ─▶ cancelled

Rules: for workflows with `clean_up=True`; so it is with one whose deadline comes, which ends
discarded, and with the signal CANCEL. Beside whatever it waits for, such a workflow watches for
that: an open record at a place of its own, done once it was told. That is there before any step's
function is called. What it waited for when it was cancelled is recorded as failed, so that each
replay is told the same at the same places, and may wait for other things while it cleans up.
Branches of the gather in which it was told do nothing more.
A run that goes on when its job is cancelled is interrupted, wherever it is, and ends: for where
that struck, no replay could be told. The next run is told, at an operation, and is left alone.
"""

from __future__ import annotations

from typing import Protocol

from runtime.errors import JobCancelled
from runtime.payload import cut
from runtime.workflow.history import CANCELLED, GATHER, WATCH
from runtime.workflow.records import LONGEST_ERROR_BYTES, StepError, StepRecord
from runtime.workflow.session import Session
from runtime.workflow.spot import Spot
from runtime.workflow.values import plain

CANCEL = "headrace.cancel"
"""The name of the signal that cancels a workflow which cleans up. Its value is the reason."""


class Telling(Protocol):
    """What this needs of a strand."""

    session: Session

    def lazily(self, record: StepRecord) -> None: ...


def told_at(strand: Telling, spot: Spot) -> tuple[JobCancelled, list[StepRecord]] | None:
    """Whether the workflow is told here; and what is to be recorded for it."""
    session, seen = strand.session, spot.seen
    if seen is not None and seen.done:
        if seen.error is None or seen.error.error_class != CANCELLED:
            return None
        return JobCancelled(seen.error.message), []
    if spot.op == GATHER:
        return None
    past = session.past
    if not past.watches:
        past.watches = True
        strand.lazily(StepRecord(WATCH, "signal", CANCEL, done=False))
    if past.told:
        return None
    signal = past.take_signal(CANCEL)
    if signal is not None:
        text = session.opened_signal(signal.value)
        value = plain(text)
        reason = value if isinstance(value, str) else text
    elif past.ends is not None:
        reason = past.ends
    else:
        return None
    error = StepError(CANCELLED, cut(reason, LONGEST_ERROR_BYTES))
    records = [
        StepRecord(WATCH, "signal", CANCEL, signal=None if signal is None else signal.id),
        spot.record(error=error),
        *(StepRecord(*each, error=error) for each in past.cancel(spot.place, error)),
    ]
    return JobCancelled(error.message), records
