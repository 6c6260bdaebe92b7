"""Incarnation: one run of a child - its task, its cancel scope, its deadlines.

Rules: the scope is shielded, so that only its supervisor ends a child, in the supervisor's order;
whatever the child raises is kept in `error`, never let into the nursery; `gone` is set last.
"""

import math
from collections.abc import Awaitable, Callable

import trio

from actors.kit.errors import ChildStartTimedOut, PermanentChildReturned
from actors.kit.events import ChildCutOff, ChildStarted, ChildStuck, Event
from actors.kit.life import Life
from actors.kit.spec import ChildSpec, Restart

# A cancelled child that is still there after this many seconds is reported. Shielded clean-up is
# bounded by a few seconds everywhere in Headrace; longer than this it is a fault to be told.
STUCK_SECONDS = 10.0


class Incarnation:
    """Made before its task; run as a task of the supervisor's nursery; read once gone.

    Args:
        spec: of the child.
        name: its path.
        observe: is told when it started, was cut off, is stuck.
        notice: called when it started and when it is gone.
    """

    def __init__(
        self,
        spec: ChildSpec,
        name: str,
        observe: Callable[[Event], None],
        notice: Callable[[], None],
    ) -> None:
        self._spec = spec
        self._observe = observe
        self._notice = notice
        self._life = Life(name, on_started=self._note_start)
        deadline = trio.current_time() + spec.start_seconds
        self._scope = trio.CancelScope(deadline=deadline, shield=True)
        self._reported: set[type[Event]] = set()
        self.started_at: float | None = None  # trio's clock, seconds; set by started()
        self.error: BaseException | None = None  # set before `gone`; None: left without an error
        self.gone = trio.Event()

    async def run(self) -> None:
        """Be the child's task. Raises nothing."""
        try:
            with self._scope:
                if not self.stopping:  # as it may be already, before the first step of the task
                    await self._spec.start(self._life)
            self.error = self._fault_of_leaving()
        except BaseException as error:
            self.error = error
        self.gone.set()
        self._notice()

    def _fault_of_leaving(self) -> Exception | None:
        if self.stopping:
            return None
        if self._scope.cancelled_caught:
            return ChildStartTimedOut(self._life.name)
        if self._spec.restart is Restart.PERMANENT:
            return PermanentChildReturned(self._life.name)
        return None

    def _note_start(self) -> None:
        if not self.stopping and not self._scope.cancel_called:
            self._scope.deadline = math.inf
            self.started_at = trio.current_time()
            self._observe(ChildStarted(self._life.name))
            self._notice()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._life.stopping

    @property
    def fatal(self) -> bool:
        """Whether its error is no crash but an order to end everything: KeyboardInterrupt & co."""
        return self.error is not None and not isinstance(self.error, Exception)

    def ask_to_stop(self, seconds: float) -> None:
        """Ask it to leave, and cancel it in `seconds` (0: now). Asked again, the sooner counts."""
        deadline = trio.current_time() + seconds
        self._scope.deadline = min(deadline, self._scope.deadline) if self.stopping else deadline
        self._life.ask_to_stop()
        if seconds <= 0:
            self._scope.cancel()

    async def stop(self, seconds: float) -> None:
        """Ask it to leave, wait until it is gone; report when it is cut off or stuck."""
        self.ask_to_stop(seconds)
        if seconds > 0 and not await self._gone_within(seconds):
            self._report_once(ChildCutOff(self._life.name, seconds))
        if not await self._gone_within(STUCK_SECONDS):
            self._report_once(ChildStuck(self._life.name, STUCK_SECONDS))
            await self.gone.wait()

    def _report_once(self, event: Event) -> None:
        # stop() may run twice at once: for a child that is being removed when all are stopped.
        if type(event) not in self._reported:
            self._reported.add(type(event))
            self._observe(event)

    async def _gone_within(self, seconds: float) -> bool:
        with trio.move_on_after(seconds) as scope:
            await self.gone.wait()
        return not scope.cancelled_caught


async def host(conduct: Callable[[trio.Nursery], Awaitable[None]]) -> None:
    """Open a nursery for incarnations, let `conduct` run in it, raise what it raised as it is.

    A nursery alone would wrap the error in a group. `conduct` sees to it that no incarnation is
    left when it ends; tasks of another sort that are left then are cancelled.
    """
    ending: BaseException | None = None
    async with trio.open_nursery() as nursery:
        try:
            await conduct(nursery)
        except BaseException as error:
            ending = error
        # From here on nothing may come between: what was raised above is raised below.
        nursery.cancel_scope.shield = True
        nursery.cancel_scope.cancel()
    if ending is not None:
        try:
            raise ending
        finally:
            del ending  # it holds this frame, which would hold it
