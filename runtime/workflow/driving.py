"""How a plain workflow's operations are done: in its thread, or in those of a gather's branches."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any, Protocol, TypeVar

from runtime.errors import UsageError
from runtime.workflow.flow import Call, Effect, Flow, Wait
from runtime.workflow.strand import Ended, Gate, Strand

T = TypeVar("T")

# Branches of one gather that go on at the same time: each is a thread.
MOST_THREADS = 32


class SyncDesk(Protocol):
    """What a plain workflow needs of its child's loop."""

    def attend(self, event: threading.Event) -> None:
        """Wait for an event, in any thread. Raises: what interrupts the run."""

    def nudge(self) -> None:
        """Have the main thread look again whether what it attends to has come."""

    def limited(self, seconds: float, action: Callable[[], T], /) -> T:
        """Call it; raise StepTimeout in it, if it takes longer. Raises: UsageError."""


def drive(strand: Strand, desk: SyncDesk, flow: Flow[T]) -> T:
    """Do what the operation yields until it ends."""
    with strand.busy():
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Call):
                    effect = _called(flow, effect, desk)
                elif isinstance(effect, Wait):
                    effect = flow.send(effect.ticket.wait())
                else:
                    time.sleep(effect.seconds)
                    effect = next(flow)
        except StopIteration as stop:
            value: T = stop.value
            return value


def _called(flow: Flow[Any], call: Call, desk: SyncDesk) -> Effect:
    """What the operation yields next."""
    try:
        if call.timeout is None:
            value = call.function(*call.args, **call.kwargs)
        else:
            value = desk.limited(call.timeout, lambda: call.function(*call.args, **call.kwargs))
        if inspect.iscoroutine(value):
            value.close()
            raise UsageError("a plain workflow cannot await; make it async def")
    except Exception as error:
        return flow.throw(error)
    return flow.send(value)


class Threads:
    """Branches of a gather, each called in a thread."""

    def __init__(self, calls: Sequence[Callable[[], Any]], desk: SyncDesk) -> None:
        self._calls = calls
        self._desk = desk
        self._lock = threading.Lock()
        self._next = 0
        self._left = len(calls)
        self._over = threading.Event()
        self.ended = [Ended() for _ in calls]

    def run(self, gate: Gate) -> list[Ended]:
        """Returns when all have ended. Raises: what interrupts the run, once they have."""
        if not self._calls:
            return []
        try:
            self._start()
            self._desk.attend(self._over)
        except BaseException:
            gate.shut = True
            self._leave_the_rest()
            self._desk.attend(self._over)  # who interrupts again does not wait
            raise
        return self.ended

    def _start(self) -> None:
        for number in range(min(len(self._calls), MOST_THREADS)):
            context = copy_context()
            name = f"gather-{number}"
            threading.Thread(target=context.run, args=(self._work,), name=name, daemon=True).start()

    def _leave_the_rest(self) -> None:
        """Calls that no thread has taken are not made."""
        with self._lock:
            taken = min(self._next, len(self._calls))
            self._next = len(self._calls)
            self._left -= len(self._calls) - taken
            if not self._left:
                self._over.set()

    def _work(self) -> None:
        while (index := self._take()) is not None:
            try:
                self.ended[index] = Ended(self._calls[index]())
            except BaseException as error:
                self.ended[index] = Ended(error=error)
            self._count()

    def _take(self) -> int | None:
        with self._lock:
            index, self._next = self._next, self._next + 1
            return index if index < len(self._calls) else None

    def _count(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
        self._over.set()
        self._desk.nudge()
