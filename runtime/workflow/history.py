"""What is recorded of a workflow, and the question whether its code still asks for the same.

Rules: pure. Operations of one strand are numbered as they are asked for; each waits until the one
before is recorded. So nothing is ever missing before a recorded place, but a gather, which is
recorded by what its branches do. What is asked for must have the recorded operation and name.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from runtime.workflow.failures import WorkflowChanged
from runtime.workflow.records import History, Recalled, SignalRow, StepError, StepRecord

GATHER = "gather"
# Of what a workflow waited for when it was cancelled; and the place at which it watches for that.
CANCELLED = "JobCancelled"
WATCH = "0.0.1"
# What a workflow is told whose deadline has come.
EXPIRED = "its deadline (expires_at) came"
# The place of the record that the job began anew; its name is how often it has.
BEGUN_ANEW = "0"
# The place at which a run that was snoozed says until when.
SNOOZED = "0.0.2"


class Past:
    """The history of one job, page by page."""

    def __init__(self) -> None:
        self._steps: dict[str, Recalled] = {}
        self._last: dict[str, int] = {}  # of each strand, by its prefix: the last number
        self._unreached: dict[str, None] = {}  # that are done
        self._signals: list[SignalRow] = []
        self.began_anew = 0  # how often the job has
        self.watches = False  # for its cancellation
        self.reason = ""  # for which it was cancelled
        self.told = False  # that it is cancelled, at some place
        self.ends: str | None = None  # why it is to be told so, where it was not yet
        self.expired = False  # its deadline has come
        self._cancelled: set[str] = set()  # places of gathers in which it was told
        self._lock = threading.Lock()

    def add(self, page: History) -> None:
        """Take in a page."""
        for step in page.steps:
            if step.place == BEGUN_ANEW:
                self.began_anew = int(step.name)
                continue
            if step.place == WATCH:
                self.watches = True
                continue
            if step.place == SNOOZED:
                continue
            if step.error is not None and step.error.error_class == CANCELLED:
                self._note_cancelled(step.place, step.error)
            self._steps[step.place] = step
            if step.done:
                self._unreached[step.place] = None
            self._count(step.place)
        self._signals += page.signals
        if page.cancelled or page.expired:
            self.expired = page.expired
            self.ends = EXPIRED if page.expired and not page.cancelled else page.reason or ""

    def _count(self, place: str) -> None:
        parts = place.split(".")
        for depth in range(0, len(parts), 2):
            prefix = "".join(f"{part}." for part in parts[:depth])
            number = int(parts[depth])
            if number > self._last.get(prefix, 0):
                self._last[prefix] = number

    def passed(self, prefix: str, number: int) -> bool:
        """Whether that strand has recorded something after this number."""
        return number < self._last.get(prefix, 0)

    def find(
        self, prefix: str, number: int, op: str, name: str, *, closed: bool = False
    ) -> Recalled | None:
        """What is recorded at a place; None: nothing, it is new.

        Args: closed: the strand is one of a gather that has ended: nothing new can be in it.
        Raises: WorkflowChanged.
        """
        place = f"{prefix}{number}"
        seen = self._steps.get(place)
        if seen is None:
            if op != GATHER and (closed or number <= self._last.get(prefix, 0)):
                raise WorkflowChanged(place, self._instead(place), told(op, name))
            return None
        if seen.op != op or seen.name != name:
            raise WorkflowChanged(place, told(seen.op, seen.name), told(op, name))
        self._unreached.pop(place, None)
        return seen

    def _instead(self, place: str) -> str:
        within = any(other.startswith(f"{place}.") for other in self._steps)
        return GATHER if within else "nothing"

    def take_signal(self, name: str) -> SignalRow | None:
        """The oldest signal of this name that nobody has taken, for any branch of a gather."""
        with self._lock:
            for signal in self._signals:
                if signal.name == name:
                    self._signals.remove(signal)
                    return signal
            return None

    # --- cancelled: see runtime.workflow.cancelling -----------------------------------------------

    def opened(self, *records: StepRecord) -> None:
        """This run has recorded these as open."""
        with self._lock:
            for each in records:
                seen = Recalled(each.place, each.op, each.name, done=False)
                self._steps.setdefault(each.place, seen)

    def cancel(self, place: str, error: StepError) -> list[tuple[str, str, str]]:
        """It is told at this place. Returns place, op and name of what else is open: no more."""
        with self._lock:
            self._note_cancelled(place, error)
            still = [each for each in self._steps.values() if not each.done and each.place != place]
            for each in still:
                self._note_cancelled(each.place, error)
                closed = Recalled(each.place, each.op, each.name, error=error)
                self._steps[each.place] = closed
            return [(each.place, each.op, each.name) for each in still]

    def _note_cancelled(self, place: str, error: StepError) -> None:
        parts = place.split(".")
        self._cancelled.update(".".join(parts[:depth]) for depth in range(1, len(parts), 2))
        self.reason = error.message
        self.told = True

    def cancelled_within(self, gathers: Iterable[str]) -> bool:
        """Whether it was told in one of these gathers, by their places."""
        return bool(self._cancelled) and not self._cancelled.isdisjoint(gathers)

    @property
    def waits(self) -> bool:
        """Whether anything is open."""
        return self.watches or any(not each.done for each in self._steps.values())

    def knows(self, place: str) -> bool:
        """Whether anything is recorded there."""
        return place in self._steps

    def check_end(self) -> None:
        """The code has ended: has it come by everything? Raises: WorkflowChanged."""
        for place in self._unreached:
            step = self._steps[place]
            raise WorkflowChanged(place, told(step.op, step.name), "nothing: it has ended")


def briefly(op: str, name: str) -> str:
    """An operation, in an event: as waits_of of 036 has it."""
    return f"{op} {name}" if name else op


def told(op: str, name: str) -> str:
    """An operation, for people."""
    return f"{op} {name!r}" if name else op
