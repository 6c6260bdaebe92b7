"""A simulated fork server: makes children, keeps the lease while its node is stopped, may die.

It stands in for `actors.forkserver.ForkServer`; see there for what each method promises.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import trio

from actors.kit import Life
from runtime.job import KindInfo
from runtime.schedule import ScheduleInfo
from tests.simulation.child import SimulatedChild
from tests.simulation.plans import KINDS
from tests.simulation.world import World

# From a fork server's death to the next one that serves.
AGAIN_SECONDS = 0.1


class SimulatedForkServer:
    """See the module's docstring. Attributes: children, all that it has made in its last life."""

    def __init__(self, world: World, node: str) -> None:
        self.children: list[SimulatedChild] = []
        self._world = world
        self._node = node
        self._serves = False
        self._dead = trio.Event()
        self._changed = trio.Event()
        self._lease_ns = 0

    # --- what the node asks of it -----------------------------------------------------------------

    async def run(self, life: Life) -> None:
        """Keep a server until asked to stop."""
        try:
            while not life.stopping:
                with life.stop_scope():
                    await trio.sleep(AGAIN_SECONDS)
                    self._dead = trio.Event()
                    self._serves = True
                    self._tell_change()
                    life.started()
                    await self._dead.wait()
        finally:
            self.end("server")

    async def kinds(self) -> Iterable[KindInfo]:
        """What the app has handlers for."""
        while not self._serves:
            await self._changed.wait()
        return KINDS

    async def schedules(self) -> tuple[ScheduleInfo, ...]:
        """What the app defines: nothing."""
        return ()

    async def spawn(self, _number: int, *, is_async: bool) -> SimulatedChild:
        """A new child."""
        while True:
            while not self._may_spawn():
                await self._changed.wait()
            life = self._dead
            await trio.sleep(0.004 + self._world.about(0.004))
            if self._dead is life and self._may_spawn():
                break
        child = SimulatedChild(self._world, self._node, is_async)
        self.children = [*self.living, child]
        self._world.start(child.live)
        return child

    def set_lease_deadline(self, monotonic_ns: int) -> None:
        """Kill all children then, unless it is moved on."""
        self._lease_ns = monotonic_ns
        self._world.start(self._keep_lease, monotonic_ns)
        self._tell_change()

    def _may_spawn(self) -> bool:
        lease_over = bool(self._lease_ns) and time.monotonic_ns() >= self._lease_ns
        return self._serves and not lease_over

    def _tell_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # --- what it does by itself -------------------------------------------------------------------

    async def _keep_lease(self, until_ns: int) -> None:
        await trio.sleep(max(0.0, (until_ns - time.monotonic_ns()) / 1e9))
        if self._lease_ns == until_ns:
            self._end_children("lease")

    def end(self, cause: str) -> None:
        """It dies, and its children with it."""
        self._serves = False
        self._end_children(cause)
        self._dead.set()
        self._tell_change()

    def _end_children(self, cause: str) -> None:
        for child in self.living:
            child.end(cause, signal="SIGKILL")

    @property
    def living(self) -> list[SimulatedChild]:
        """Its children that are there."""
        return [child for child in self.children if not child.dead]
