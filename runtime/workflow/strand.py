"""A strand: operations one after the other, each at its place. A workflow is one, and so is each
branch of a gather.

    enter ─▶ recall, once a run ─▶ what was sent is recorded? ─▶ the next place ─▶ what stands there

Rules: nothing is done before what was done before it is recorded. One operation at a time. A record
that nothing can depend on before the strand's next one (an id made by a rule, a sleep that is over)
goes along with that one, so that neither is there without the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from runtime.errors import Expired, JobCancelled, RunStopped, UsageError
from runtime.outcome import Snooze
from runtime.workflow.cancelling import told_at
from runtime.workflow.failures import WorkflowChanged
from runtime.workflow.flow import Flow, Wait
from runtime.workflow.history import GATHER, SNOOZED, WATCH, briefly
from runtime.workflow.records import Recalled, Record, StepRecord
from runtime.workflow.session import Session
from runtime.workflow.spot import Spot
from runtime.workflow.suspend import Suspend, soonest, suspend_in


@attrs.frozen
class Ended:
    """How a branch of a gather has ended."""

    value: Any = None
    error: BaseException | None = None


@attrs.define(eq=False)
class Gate:
    """Of the gather at a place. Shut when it is broken off: its branches do nothing more."""

    place: str = ""
    shut: bool = False


class Strand:
    """See the module's docstring.

    Args: closed: it is of a gather that has ended, so all of it is recorded. gates: those of the
    gathers that it is in.
    """

    def __init__(
        self,
        session: Session,
        prefix: str = "",
        *,
        closed: bool = False,
        gates: tuple[Gate, ...] = (),
    ) -> None:
        self.session = session
        self._closed = closed
        self._gates = gates
        self._prefix = prefix
        self._number = 0
        self._busy = False
        self._suspend: Suspend | None = None
        self.unsure: list[Any] = []  # tickets of what was sent and is perhaps not recorded
        self.lazy: list[StepRecord] = []  # what goes along with the next record

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While an operation goes on. Raises: UsageError, if one does already."""
        if self._busy:
            raise UsageError(
                "a workflow's context does one thing at a time: use ctx.gather for several, and "
                "no context within a step's function"
            )
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def enter(self, op: str, name: str = "") -> Flow[Spot]:
        """Come to the next place. Raises: WorkflowChanged."""
        session = self.session
        session.check()
        if self._suspend is not None:
            raise self._suspend
        if session.interrupted:
            raise self.suspended_by(suspend_in(0.0))
        if any(gate.shut for gate in self._gates):
            raise RunStopped("the gather that this is a branch of was broken off")
        yield from session.recall()
        while self.unsure:
            session.checked((yield Wait(self.unsure[0])))
            del self.unsure[0]
        if session.paused:
            raise self.suspend(seconds=0.0)
        self._check_cancelled()
        self._number += 1
        number, prefix = self._number, self._prefix
        try:
            seen = session.past.find(prefix, number, op, name, closed=self._closed)
        except WorkflowChanged as error:
            raise session.changed(error) from None
        if op == GATHER:
            yield from self.settle()
        spot = Spot(f"{prefix}{number}", op, name, seen)
        if session.clean_up:
            self._tell(spot)
            if op == "step" and any(each.place == WATCH for each in self.lazy):
                yield from self.settle()  # from now on there may be something to clean up
        return spot

    def _check_cancelled(self) -> None:
        """Raises: JobCancelled, in a branch of a gather in which it was told, where that ends."""
        past = self.session.past
        told = bool(self._gates) and past.cancelled_within(gate.place for gate in self._gates)
        if told and not past.knows(f"{self._prefix}{self._number + 1}"):
            raise JobCancelled(past.reason)

    def _tell(self, spot: Spot) -> None:
        """Raises: JobCancelled, if the workflow is told here that it is."""
        told = told_at(self, spot)
        if told is None:
            return
        error, records = told
        if records:
            self.put(*records)
        raise error

    def settle(self) -> Flow[None]:
        """Have recorded what was to go along, before something that goes another way."""
        lazy = self._take_lazy()
        if lazy:
            self.session.checked((yield Wait(self.session.ask(Record(tuple(lazy))))))

    def put(self, *records: StepRecord) -> None:
        """Have these recorded; the next operation waits until they are."""
        self.unsure.append(self.session.ask(Record((*self._take_lazy(), *records))))

    def lazily(self, record: StepRecord) -> None:
        """Have it recorded along with the next record of this strand, and so not after that."""
        self.lazy.append(record)

    def _take_lazy(self) -> list[StepRecord]:
        lazy, self.lazy = self.lazy, []
        return lazy

    def _flush(self) -> None:
        """Before the run ends: there is nothing more to go along with."""
        if self.lazy:
            self.put()

    def suspend(
        self, *records: StepRecord, seconds: float | None, waits: str | None = None
    ) -> Suspend:
        """What to raise, to wait for what these open records say. `waits`: the same, for people."""
        if waits is None:
            waits = ", ".join(briefly(each.op, each.name) for each in records)
        if records:
            self.put(*records)
            self.session.past.opened(*records)
        else:
            self._flush()
        return self.suspended_by(suspend_in(seconds, waits))

    def suspended_by(self, suspend: Suspend) -> Suspend:
        """From now on every operation raises it."""
        self._suspend = suspend
        return suspend

    def wait_on(self, seen: Recalled) -> Suspend:
        """What to raise, to go on waiting for what is recorded."""
        until = seen.until
        seconds = None if until is None else until - self.session.now()
        return self.suspend(seconds=seconds, waits=briefly(seen.op, seen.name))

    @property
    def is_main(self) -> bool:
        """Whether it is no branch."""
        return not self._prefix

    # --- gather -----------------------------------------------------------------------------------

    def branches(self, spot: Spot, count: int, gate: Gate) -> list[Strand]:
        """The strands of a gather at this place."""
        closed = self._closed or self.session.past.passed(self._prefix, self._number)
        gate.place = spot.place
        gates = (*self._gates, gate)
        return [
            Strand(self.session, f"{spot.place}.{index}.", closed=closed, gates=gates)
            for index in range(count)
        ]

    def joined(self, branches: Sequence[Strand], ended: Sequence[Ended]) -> list[Any]:
        """What the branches have come to, all of which have ended.

        Raises: what ends the run; Suspend, if a branch waits; the first branch's error.
        """
        for branch in branches:
            self.unsure += branch.unsure
            self.lazy += branch.lazy
        errors = [each.error for each in ended if each.error is not None]
        suspends = [error for error in errors if isinstance(error, Suspend)]
        for error in errors:
            if not isinstance(error, Exception | Suspend):
                raise error
        self.session.check()
        if suspends:
            self._flush()
            raise self.suspended_by(soonest(suspends))
        for error in errors:
            raise error
        return [each.value for each in ended]

    def end(self) -> None:
        """The function has returned. Raises: Suspend, that it held back; WorkflowChanged."""
        self.session.check()
        if self._suspend is not None:
            raise self._suspend
        try:
            self.session.past.check_end()
        except WorkflowChanged as error:
            raise self.session.changed(error) from None
        self._flush()
        past = self.session.past
        if past.told and past.expired:
            raise Expired(past.reason)

    def note_snooze(self, verdict: object) -> None:
        """The run ends with this. What it waited for before wakes it no sooner than a Snooze says:
        that is recorded, for who wakes workflows.
        """
        if isinstance(verdict, Snooze) and verdict.seconds > 0 and self.session.may_wait:
            until = verdict.seconds
            self.put(StepRecord(SNOOZED, "snooze", "", done=False, until_seconds=until))

    def instead_of(self, error: BaseException) -> BaseException | None:
        """What the run ends with, where the function has raised this; None: with this."""
        past = self.session.past
        if self.session.interrupted:
            return suspend_in(0.0)
        if past.told and past.expired and isinstance(error, JobCancelled):
            return Expired(past.reason)
        return None
