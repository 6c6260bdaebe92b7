"""Supervisor: starts children, restarts those that crash, stops them in order - as in OTP.

This docstring is the specification; the tests follow it rule by rule.

Start
 S1 Children start in the order of their list; each when the one before it has called
    `life.started()`. A transient or temporary child may also just return: that counts as started.
 S2 The supervisor's own start is complete when all children that it was made with are started. It
    then calls its own `life.started()`; so trees start depth first, in reading order.
 S3 A child that ends without its very first start being complete fails the supervisor's start,
    whatever its restart type: those started already are stopped, in reverse, and `run` raises
    ChildStartFailed from the child's error. Later crashes during a start count as crashes.
 S4 A start that takes longer than `start_seconds` is cancelled and is a crash (ChildStartTimedOut).

Restart
 R1 Raising is a crash, be it an ExceptionGroup or the escalation of a supervisor below.
    A permanent child is restarted after a crash and after a return (PermanentChildReturned), a
    transient one after a crash only, a temporary one never.
 R2 one_for_one restarts the child alone. one_for_all stops all others, rest_for_one those after it
    in start order, in reverse; then the group starts anew as in S1. Transient children of the
    group that had finished run again; temporary ones are stopped and forgotten.
 R3 Each crash that needs a restart counts once, however large its group; what members of the group
    do while they are being stopped for it is reported, not counted. Crashes seen at the same
    moment are handled in start order.
 R4 More than `intensity` restarts in `period_seconds` escalate: all children are stopped in order
    (T1) and `run` raises SupervisorEscalated from the last error. A restart exactly a period old
    still counts.
 R5 The n-th restart of a child in a row waits `backoff(n)` seconds, counted from when its group is
    down. The row begins anew once it has stayed started for `period_seconds`. Meanwhile the other
    children are supervised as ever: with one_for_one they are restarted independently of it, and a
    crash that restarts a group takes in those of the group that wait, with the later due time.
    Mind that a backoff slower than intensity / period never escalates.
 R6 A supervisor that ran out of children goes on until it is stopped.

Stop
 T1 Once the supervisor's own `life` is stopping, children are stopped in reverse start order, one
    after the other: `stopping` is set, the child has `shutdown_seconds` to leave by itself, then it
    is cancelled, then it is awaited; then the next. Nothing is restarted any more.
 T2 A stop is obeyed at any time: during a start, a restart, a backoff.
 T3 A child that crashes while it is being stopped is reported; the others are stopped in order all
    the same, and `run` returns.
 T4 A child that shields itself from its cancellation cannot be killed. It is reported as stuck
    after 10 s (STUCK_SECONDS) and waited for, since its siblings may not outlive it.
 T5 When `run` ends, however it ends, no child is left.

Cancellation
 C1 `run` cancelled from outside cancels the children in reverse start order, each awaited before
    the next is cancelled, shielded; then Cancelled goes on. That takes as long as children's own
    shielded clean-up; T4 applies. The same when it is cancelled in the middle of T1.
 C2 KeyboardInterrupt, SystemExit and every other error that is no Exception, whether raised in the
    supervisor or by a child, is no crash: it acts as C1 and is passed up as it came. Another one
    during that cancels all remaining children at once.

Children that come and go
 D1 `add` starts a child, last in start order, and waits until it is started; if that fails it
    raises, and the child is forgotten without being counted. Cancelled, it takes the child back.
 D2 `remove` stops a child as in T1 and forgets it. Cancelled, the removal goes on.
 D3 A supervisor that is restarted begins with the children it was made with.
"""

import math
from collections.abc import Callable, Sequence

import attrs
import trio

from actors.kit.child import Child, ChildState
from actors.kit.errors import SupervisorNotRunning
from actors.kit.events import Event, log
from actors.kit.incarnation import host
from actors.kit.life import Life
from actors.kit.restarts import Backoff
from actors.kit.spec import ChildSpec, Restart, Strategy
from actors.kit.supervision import Policy, Supervision


@attrs.frozen
class ChildStatistics:
    """One child at this moment."""

    name: str
    state: ChildState
    restarts: int  # since it was first started


@attrs.frozen
class SupervisorStatistics:
    """A supervisor at this moment."""

    name: str
    running: bool
    restarts: int  # of all children, since this run of the supervisor began
    children: tuple[ChildStatistics, ...]  # in start order; empty when not running


class Supervisor:
    """Keeps children running; see the module's docstring for what that means.

    Args:
        name: of this supervisor among its siblings.
        children: in start order; their names differ.
        strategy: who is restarted when one child has to be.
        intensity: restarts that are allowed in any `period_seconds`, >= 0.
        period_seconds: > 0.
        backoff: seconds to wait before the n-th restart in a row of a child, n from 1.
        observe: called with each event; must be quick and must not raise.

    It may run again after it ended, as it does when its own supervisor restarts it.
    """

    def __init__(
        self,
        name: str,
        children: Sequence[ChildSpec],
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: int = 3,
        period_seconds: float = 5.0,
        backoff: Callable[[int], float] = Backoff(),  # noqa: B008 - frozen
        observe: Callable[[Event], None] = log,
    ) -> None:
        if len({child.name for child in children}) < len(children):
            raise ValueError(f"the children of {name} need names that differ")
        if intensity < 0 or not period_seconds > 0:
            raise ValueError(f"{name} needs intensity >= 0 and period_seconds > 0")
        self.name = name
        self._children = tuple(children)
        self._policy = Policy(strategy, intensity, period_seconds, backoff, observe)
        self._current: Supervision | None = None

    async def run(self, life: Life) -> None:
        """Supervise until `life` is stopping.

        Raises:
            ChildStartFailed: a child's first start failed.
            SupervisorEscalated: more restarts were needed than allowed.
        """
        if self._current is not None:
            raise RuntimeError(f"supervisor {self.name} is running already")
        self._current = Supervision(self._children, self._policy, life)
        try:
            await self._current.run()
        finally:
            self._current = None

    def spec(
        self, *, restart: Restart = Restart.PERMANENT, start_seconds: float = math.inf
    ) -> ChildSpec:
        """Return the spec of this supervisor as a child of another; its shutdown is unbounded."""
        return ChildSpec(
            self.name, self.run, restart, shutdown_seconds=math.inf, start_seconds=start_seconds
        )

    async def add(self, spec: ChildSpec) -> None:
        """Start one more child, last in start order, and wait until it is started.

        Raises:
            ChildStartFailed: its start failed, or it was removed meanwhile; it is forgotten.
            SupervisorNotRunning: the supervisor is not running, or stopped before the start was
                complete.
            ValueError: there is a child of that name.
        """
        await self._running().add(spec)

    async def remove(self, name: str) -> None:
        """Stop a child within its shutdown_seconds, wait until it is gone, and forget it.

        Raises:
            KeyError: there is no child of that name.
            SupervisorNotRunning: the supervisor is not running.
        """
        await self._running().remove(name)

    def statistics(self) -> SupervisorStatistics:
        """Return the state of the supervisor and its children at this moment."""
        if self._current is None:
            return SupervisorStatistics(self.name, False, 0, ())
        children = tuple(
            ChildStatistics(child.spec.name, child.state, child.restarts)
            for child in self._current.children
        )
        return SupervisorStatistics(self.name, True, self._current.restarts, children)

    def _running(self) -> Supervision:
        if self._current is None:
            raise SupervisorNotRunning(self.name)
        return self._current


async def run_supervised(
    child: ChildSpec,
    *,
    stop: trio.Event | None = None,
    observe: Callable[[Event], None] = log,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the root of a tree: a supervisor's spec, or any other child, until it is done.

    Args:
        child: is not restarted; its restart type does not matter, its deadlines do.
        stop: once set, the child is asked to stop, and has its shutdown_seconds.
        observe: called with the events of the root itself; supervisors have their own.
        task_status: so that `await nursery.start(run_supervised, root)` waits for the start.

    Raises what the child raises, such as SupervisorEscalated. Cancelled, it cancels the child,
    waits until it is gone, and passes Cancelled on.
    """
    root = Child(attrs.evolve(child, restart=Restart.TEMPORARY), child.name)
    incarnation = root.begin(observe, lambda: None)

    async def announce() -> None:
        await root.settled.wait()
        task_status.started()

    async def obey(stop: trio.Event) -> None:
        await stop.wait()
        await incarnation.stop(child.shutdown_seconds)

    async def conduct(nursery: trio.Nursery) -> None:
        nursery.start_soon(incarnation.run, name=child.name)
        nursery.start_soon(announce)
        if stop is not None:
            nursery.start_soon(obey, stop)
        try:
            await incarnation.gone.wait()
        except BaseException:
            with trio.CancelScope(shield=True):
                await incarnation.stop(0)
            raise
        root.bury(observe)

    await host(conduct)
    if incarnation.error is not None:
        raise incarnation.error
