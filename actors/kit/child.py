"""Child: a supervisor's record of one child, through all its incarnations.

Rule: there is at most one incarnation at a time; the next is begun after the last one was buried.
"""

import math
from collections.abc import Callable
from enum import Enum

import trio

from actors.kit.errors import SupervisionError
from actors.kit.events import ChildCrashed, ChildStopped, Event
from actors.kit.incarnation import Incarnation
from actors.kit.spec import ChildSpec


class ChildState(Enum):
    """What a supervisor's child is doing."""

    WAITING = "waiting"  # for its turn in the start order, or for its backoff to end
    STARTING = "starting"  # it has not called started() yet
    RUNNING = "running"
    STOPPING = "stopping"  # it was asked to leave
    FINISHED = "finished"  # it returned, and is transient


class Child:
    """The record: made by a supervision for each child spec, forgotten with it."""

    def __init__(self, spec: ChildSpec, path: str, *, added: bool = False) -> None:
        self.spec = spec
        self.path = path
        self.added = added  # by add(): a failed first start is the adder's, not the supervisor's
        self.incarnation: Incarnation | None = None
        self.finished = False  # it ended and needs no restart
        self.leaving = False  # remove() was called: it is forgotten when gone
        self.not_before = -math.inf  # trio's clock, seconds: the end of its backoff
        self.restarts = 0  # how often it was restarted, its whole record long
        self.streak = 0  # how often in a row: chooses the backoff
        self.was_started = False  # some incarnation called started(), or returned without need to
        self.settled = trio.Event()  # first start is complete, or will never be
        self.refusal: SupervisionError | None = None  # why it will never be; set before settled
        self.forgotten = trio.Event()

    @property
    def state(self) -> ChildState:
        """What it is doing now."""
        if self.incarnation is None:
            return ChildState.FINISHED if self.finished else ChildState.WAITING
        if self.incarnation.stopping:
            return ChildState.STOPPING
        started = self.incarnation.started_at is not None
        return ChildState.RUNNING if started else ChildState.STARTING

    @property
    def ended(self) -> bool:
        """Whether it has an incarnation that is gone and not buried yet."""
        return self.incarnation is not None and self.incarnation.gone.is_set()

    @property
    def ready(self) -> bool:
        """Whether the next sibling in start order may start."""
        return self.state in (ChildState.RUNNING, ChildState.FINISHED)

    def begin(self, observe: Callable[[Event], None], notice: Callable[[], None]) -> Incarnation:
        """Make the next incarnation; the caller runs its task."""

        def note() -> None:
            if incarnation.started_at is not None:
                self.settle()
            notice()

        incarnation = self.incarnation = Incarnation(self.spec, self.path, observe, note)
        self.finished = False
        return incarnation

    def settle(self, refusal: SupervisionError | None = None) -> None:
        """Let the adder know: its first start is complete, or refused."""
        if not self.settled.is_set():
            self.was_started = refusal is None
            self.refusal = refusal
            self.settled.set()

    def bury(self, observe: Callable[[Event], None]) -> Incarnation:
        """Report how the incarnation that is gone ended, and detach it."""
        incarnation = self.incarnation
        assert incarnation is not None
        assert incarnation.gone.is_set()
        self.incarnation = None
        if incarnation.error is None:
            observe(ChildStopped(self.path))
        else:
            observe(ChildCrashed(self.path, incarnation.error, self.restarts))
        return incarnation
