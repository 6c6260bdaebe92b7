"""Sleeping, and waiting for a signal or an event: an open record, and the run ends.

Rule: what a wait has come to is recorded, so that its next replay comes to the same.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runtime.errors import UsageError
from runtime.handler_options import LONGEST_SECONDS, check_name, seconds_of
from runtime.workflow.failures import EventTimeout, SignalTimeout, WaitTimeout
from runtime.workflow.flow import Flow, Nap
from runtime.workflow.records import Recalled, StepError
from runtime.workflow.spot import Spot
from runtime.workflow.strand import Strand
from runtime.workflow.values import plain


class Sleep:
    """Until so many seconds from now, or a time. `short`: less is slept in the process."""

    def __init__(self, seconds: object = None, until: object = None, *, short: float) -> None:
        self._seconds = None if until is not None else _checked(seconds)
        self._until = None if until is None else _instant(until)
        self._short = short

    def __call__(self, strand: Strand) -> Flow[None]:
        """Its flow."""
        spot = yield from strand.enter("sleep")
        seen = spot.seen
        if seen is not None:
            if not seen.done and not seen.over:
                raise strand.wait_on(seen)
            if not seen.done:
                strand.lazily(spot.record())
            return
        left = yield from self._left(strand)
        if left >= self._short:
            opened = spot.record(done=False, until_seconds=self._seconds, until=self._until)
            raise strand.suspend(opened, seconds=left)
        if left > 0:
            yield Nap(left)
        strand.lazily(spot.record())

    def _left(self, strand: Strand) -> Flow[float]:
        if self._until is not None:
            return self._until - (yield from strand.session.hear_time())
        assert self._seconds is not None
        return self._seconds


class Wait:
    """For a signal or an event."""

    op: str
    timeout_error: type[WaitTimeout]

    def __init__(self, name: str, timeout: object = None) -> None:
        self._name = check_name(f"{self.op}'s name", name)
        self._timeout = None if timeout is None else _checked(timeout)

    def __call__(self, strand: Strand) -> Flow[Any]:
        """Its flow. Raises: WaitTimeout."""
        spot = yield from strand.enter(self.op, self._name)
        seen = spot.seen
        if seen is not None and seen.done:
            if seen.error is not None:
                raise self.timeout_error(self._name)
            return plain(strand.session.opened(seen.output))
        return self._looked(strand, spot, seen)

    def _looked(self, strand: Strand, spot: Spot, seen: Recalled | None) -> Any:
        found = self._found(strand, seen)
        if found is not None:
            text, signal = found
            strand.put(spot.record(output=strand.session.sealed(text), signal=signal))
            return plain(text)
        if seen is None:
            opened = spot.record(done=False, until_seconds=self._timeout)
            raise strand.suspend(opened, seconds=self._timeout)
        if self._timeout is None or not seen.over:
            raise strand.wait_on(seen)
        error = self.timeout_error(self._name)
        strand.put(spot.record(error=StepError(type(error).__name__, str(error))))
        raise error

    def _found(self, strand: Strand, seen: Recalled | None) -> tuple[str, bytes | None] | None:
        """What it waits for, as JSON text, and the signal's id. seen: None: it comes here first."""
        raise NotImplementedError


class SignalWait(Wait):
    """For a signal to this job."""

    op = "signal"
    timeout_error = SignalTimeout

    def _found(self, strand: Strand, seen: Recalled | None) -> tuple[str, bytes | None] | None:
        signal = strand.session.past.take_signal(self._name)
        return None if signal is None else (strand.session.opened_signal(signal.value), signal.id)


class EventWait(Wait):
    """For an event, which is emitted once for all."""

    op = "event"
    timeout_error = EventTimeout

    def _found(self, strand: Strand, seen: Recalled | None) -> tuple[str, bytes | None] | None:
        if seen is None or seen.value is None:
            return None
        return strand.session.opened_event(seen.value), None


def _checked(seconds: object) -> float:
    checked = seconds_of("a wait", seconds)
    if checked is None or checked > LONGEST_SECONDS:
        raise UsageError(f"wait for 0 to {LONGEST_SECONDS:,.0f} seconds, not {seconds!r:.100}")
    return checked


def _instant(until: object) -> float:
    if not isinstance(until, datetime) or until.utcoffset() is None:
        raise UsageError(f"sleep_until takes a datetime with a time zone, not {until!r:.100}")
    return until.timestamp()
