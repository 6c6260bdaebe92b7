"""Cancelling with clean-up: a workflow is told that it is cancelled where it waits, and undoes.

    client.send_signal(job, CANCEL, "why") ─▶ woken ─▶ JobCancelled, at the first operation that is
    not done ─▶ the workflow's except and finally clean up, by steps ─▶ cancelled

Rules: for workflows with `clean_up=True`. Beside whatever it waits for, such a workflow waits for
that signal: an open record at a place of its own. What it waited for when it was cancelled is
recorded as failed, so that each replay is told the same at the same places, and may wait for other
things while it cleans up. Branches of the gather in which it was told do nothing more.
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
    signal = past.take_signal(CANCEL)
    if signal is None:
        return None
    text = session.opened_signal(signal.value)
    reason = plain(text)
    reason = cut(reason if isinstance(reason, str) else text, LONGEST_ERROR_BYTES)
    error = StepError(CANCELLED, reason)
    records = [
        StepRecord(WATCH, "signal", CANCEL, signal=signal.id),
        spot.record(error=error),
        *(StepRecord(*each, error=error) for each in past.cancel(spot.place, error)),
    ]
    return JobCancelled(reason), records
