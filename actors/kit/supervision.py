"""Supervision: one run of a supervisor. What it must do is said in supervisor.py; this is how.

    settle who ended ─▶ begin who is due ─▶ wait for a change, a backoff's end or the stop ─┐
        ▲                                                                                  │
        └──────────────────────────────────────────────────────────────────────────────────┘

Rules: one task, the captain, runs this loop and alone begins and buries incarnations. It looks at
what is, not at what happened: whoever changes something only calls `_notice`, in any order and
number. It waits long only in the loop's last station, or for children that it is stopping.
"""

import math
from collections.abc import Callable, Sequence

import attrs
import trio

from actors.kit.child import Child, ChildState
from actors.kit.errors import ChildStartFailed, SupervisorEscalated, SupervisorNotRunning
from actors.kit.events import ChildRestarting, Escalated, Event
from actors.kit.incarnation import Incarnation, host
from actors.kit.life import Life
from actors.kit.restarts import RestartWindow
from actors.kit.spec import ChildSpec, Restart, Strategy


@attrs.frozen
class Policy:
    """What a supervisor was told by its user, beside its children. Explained there."""

    strategy: Strategy
    intensity: int
    period_seconds: float
    backoff: Callable[[int], float]
    observe: Callable[[Event], None]


class Supervision:
    """Runs `specs` by `policy` until `life` is stopping or the supervisor has to give up."""

    def __init__(self, specs: Sequence[ChildSpec], policy: Policy, life: Life) -> None:
        self._policy = policy
        self._life = life
        self._window = RestartWindow(policy.intensity, policy.period_seconds)
        self._nursery: trio.Nursery | None = None
        self._changed = trio.Event()
        self._closing = False  # no child is begun or added any more
        self._up = False  # every child has been started once
        self.children = [Child(spec, self._path(spec.name)) for spec in specs]  # in start order
        self.restarts = 0

    async def run(self) -> None:
        """Do it all. When this ends, however it ends, every child is gone."""
        await host(self._conduct)

    async def add(self, spec: ChildSpec) -> None:
        """See Supervisor.add."""
        if self._closing:
            raise SupervisorNotRunning(self._life.name)
        if any(child.spec.name == spec.name for child in self.children):
            raise ValueError(f"{self._life.name} has a child named {spec.name!r} already")
        child = Child(spec, self._path(spec.name), added=True)
        self.children.append(child)
        self._notice()
        try:
            await child.settled.wait()
        except BaseException:
            self._dismiss(child, seconds=0)
            raise
        if child.refusal is not None:
            raise child.refusal

    async def remove(self, name: str) -> None:
        """See Supervisor.remove."""
        child = next((child for child in self.children if child.spec.name == name), None)
        if child is None:
            raise KeyError(name)
        self._dismiss(child, child.spec.shutdown_seconds)
        await child.forgotten.wait()

    async def _conduct(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        try:
            await self._supervise_and_close()
        except BaseException as ending:
            if not isinstance(ending, Exception):
                # Cancelled, or a KeyboardInterrupt of ours or of a child: nobody has time left.
                with trio.CancelScope(shield=True):
                    await self._close(at_once=True)
            raise
        finally:
            # There are some left only if all that was interrupted, by another KeyboardInterrupt.
            for child in tuple(self.children):
                self._dismiss(child, seconds=0)
                self._forget(child)

    async def _supervise_and_close(self) -> None:
        try:
            await self._supervise()
        except Exception:
            await self._close()
            raise
        await self._close()

    async def _supervise(self) -> None:
        while True:
            self._changed = trio.Event()
            await self._settle_ended()
            if self._life.stopping:
                return
            now = trio.current_time()
            self._begin_due(now)
            self._say_when_up()
            await self._wait_for_change(now)

    # Station 1: settle who ended.

    async def _settle_ended(self) -> None:
        while not self._life.stopping:
            ended = (child for child in self.children if child.ended)
            child = next(ended, None)
            if child is None:
                return
            await self._settle(child)

    async def _settle(self, child: Child) -> None:
        incarnation = self._bury(child)
        error = incarnation.error
        if child.leaving:
            self._forget(child)
        elif error is not None and not child.was_started:
            self._refuse(child, error)
        elif error is None or child.spec.restart is Restart.TEMPORARY:
            self._finish(child)
        else:
            self._count_restart(child, incarnation, error)
            await self._restart(child)

    def _bury(self, child: Child) -> Incarnation:
        incarnation = child.bury(self._policy.observe)
        if incarnation.fatal:
            assert incarnation.error is not None
            raise incarnation.error
        return incarnation

    def _refuse(self, child: Child, error: BaseException) -> None:
        failure = ChildStartFailed(child.path)
        failure.__cause__ = error
        if not child.added:
            raise failure
        child.settle(failure)
        self._forget(child)

    def _finish(self, child: Child) -> None:
        child.finished = True
        child.settle()
        if child.spec.restart is Restart.TEMPORARY:
            self._forget(child)

    def _count_restart(self, child: Child, ended: Incarnation, error: BaseException) -> None:
        now = trio.current_time()
        if not self._window.admit(now):
            self._policy.observe(Escalated(self._life.name, error))
            raise SupervisorEscalated(self._life.name) from error
        since = ended.started_at
        was_quiet = since is not None and now - since >= self._policy.period_seconds
        child.streak = 1 if was_quiet else child.streak + 1
        child.restarts += 1
        self.restarts += 1

    async def _restart(self, child: Child) -> None:
        group = self._group(child)
        for member in reversed(group):
            await self._take_down(member, member.spec.shutdown_seconds)
        if self._life.stopping:
            return
        delay = self._policy.backoff(child.streak)
        due = trio.current_time() + delay
        for member in group:
            member.finished = False
            member.not_before = max(member.not_before, due)
        self._policy.observe(ChildRestarting(child.path, delay))

    def _group(self, child: Child) -> list[Child]:
        match self._policy.strategy:
            case Strategy.ONE_FOR_ONE:
                return [child]
            case Strategy.ONE_FOR_ALL:
                return list(self.children)
            case Strategy.REST_FOR_ONE:
                return self.children[self.children.index(child) :]

    # Station 2: begin who is due.

    def _begin_due(self, now: float) -> None:
        assert self._nursery is not None
        in_order = not self._up or self._policy.strategy is not Strategy.ONE_FOR_ONE
        for child in self.children:
            if child.state is ChildState.WAITING and child.not_before <= now:
                incarnation = child.begin(self._policy.observe, self._notice)
                self._nursery.start_soon(incarnation.run, name=child.path)
            if in_order and not child.ready:
                break

    def _say_when_up(self) -> None:
        if not self._up and all(child.ready or child.added for child in self.children):
            self._up = True
            self._life.started()

    # Station 3: wait.

    async def _wait_for_change(self, now: float) -> None:
        # Who is due by now and still waits has to wait for a sibling's start, which is a change.
        waiting = (child for child in self.children if child.state is ChildState.WAITING)
        due = min((c.not_before for c in waiting if c.not_before > now), default=math.inf)
        with self._life.stop_scope(), trio.move_on_at(due):
            await self._changed.wait()

    def _notice(self) -> None:
        self._changed.set()

    # Leaving, one child or all.

    async def _close(self, *, at_once: bool = False) -> None:
        self._closing = True
        for child in self.children:  # first of all, lest an adder among them waits for itself
            child.settle(SupervisorNotRunning(self._life.name))
        for child in reversed(tuple(self.children)):
            await self._take_down(child, 0 if at_once else child.spec.shutdown_seconds)
            self._forget(child)

    async def _take_down(self, child: Child, seconds: float) -> None:
        if child.incarnation is not None:
            await child.incarnation.stop(seconds)
            self._bury(child)
            if child.leaving or child.spec.restart is Restart.TEMPORARY:
                self._forget(child)

    def _dismiss(self, child: Child, seconds: float) -> None:
        assert self._nursery is not None
        child.leaving = True
        if child.incarnation is None:
            self._forget(child)
        else:
            child.incarnation.ask_to_stop(seconds)
            self._nursery.start_soon(child.incarnation.stop, seconds)
        self._notice()

    def _forget(self, child: Child) -> None:
        if child in self.children:
            self.children.remove(child)
        child.settle(ChildStartFailed(child.path))
        child.forgotten.set()

    def _path(self, name: str) -> str:
        return f"{self._life.name}/{name}"
