"""The faults of a simulation: one after another, several at once, as the dice have it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import attrs
import trio

from tests.simulation.node import Node, Process
from tests.simulation.world import World


@attrs.define(eq=False)
class Storm:
    """See the module's docstring. `rage` returns when all that was begun has ended."""

    world: World
    nodes: Sequence[Node]

    async def rage(self) -> None:
        """Make faults, for as long as the weather has it; then there is calm."""
        world = self.world
        async with trio.open_nursery() as nursery:
            until = trio.current_time() + world.weather.seconds
            while trio.current_time() < until:
                await trio.sleep(0.02 + world.about(world.weather.pause_seconds))
                if world.weather.faults:
                    nursery.start_soon(self._strike, world.dice.choice(world.weather.faults))
        world.calm = True
        world.chronicle.note("FAULT", "no more faults")

    async def _strike(self, kind: str) -> None:
        process = self.world.dice.choice(self.nodes).process
        if not process.group.dead:
            await self._fault(kind)(process)

    def _fault(self, kind: str) -> Callable[[Process], Awaitable[None]]:
        return {
            "kill node": self._kill_node,
            "drain node": self._drain_node,
            "force node": self._force_node,
            "stop node": self._stop_node,
            "kill child": self._kill_child,
            "kill fork server": self._kill_fork_server,
            "lose database": self._lose_database,
            "slow database": self._slow_database,
            "cut off node": self._cut_off_node,
            "deafen node": self._deafen_node,
        }[kind]

    def _some_seconds(self) -> float:
        """Shorter or longer than a lease."""
        lease = self.world.weather.lease_seconds
        return self.world.dice.choice([0.05, 0.3, 1.0, 3.0, lease, lease + 2.0])

    # --- nodes ------------------------------------------------------------------------------------

    async def _kill_node(self, process: Process) -> None:
        self.world.chronicle.fault("kill node", process.name, process.pids)
        process.kill()

    async def _drain_node(self, process: Process) -> None:
        self.world.chronicle.fault("drain node", process.name)
        process.stop.set()

    async def _force_node(self, process: Process) -> None:
        self.world.chronicle.fault("force node", process.name)
        process.stop.set()
        await trio.sleep(self.world.about(0.5))
        process.parts.force.set()

    async def _stop_node(self, process: Process) -> None:
        if process.group.frozen:
            return
        seconds = self._some_seconds()
        self.world.chronicle.fault("stop node", f"{process.name} for {seconds:g} s")
        process.group.freeze()
        await trio.sleep(seconds)
        if not process.group.dead:
            self.world.chronicle.note("FAULT", f"{process.name} goes on")
            process.group.thaw()

    async def _kill_child(self, process: Process) -> None:
        if living := process.forkserver.living:
            child = self.world.dice.choice(living)
            name = f"{child.pid} of {process.name}"
            self.world.chronicle.fault("kill child", name, frozenset({child.pid}))
            child.end("signal", signal="SIGKILL")

    async def _kill_fork_server(self, process: Process) -> None:
        self.world.chronicle.fault("kill fork server", process.name, process.pids)
        process.forkserver.end("server")

    # --- the database and the way to it -----------------------------------------------------------

    async def _lose_database(self, _process: Process) -> None:
        if self.world.away:
            return
        seconds = self._some_seconds()
        self.world.chronicle.fault("lose database", f"for {seconds:g} s")
        self.world.lose_database()
        await trio.sleep(seconds)
        self.world.find_database()

    async def _slow_database(self, _process: Process) -> None:
        slowness = self.world.dice.choice([10.0, 100.0, 1000.0])
        seconds = self._some_seconds()
        self.world.chronicle.fault("slow database", f"{slowness:g} times, for {seconds:g} s")
        self.world.slowness = slowness
        await trio.sleep(seconds)
        self.world.slowness = 1.0

    async def _cut_off_node(self, process: Process) -> None:
        seconds = self._some_seconds()
        self.world.chronicle.fault("cut off node", f"{process.name} for {seconds:g} s")
        process.link.dark = True
        await trio.sleep(seconds)
        process.link.dark = False

    async def _deafen_node(self, process: Process) -> None:
        seconds = self._some_seconds()
        self.world.chronicle.fault("deafen node", f"{process.name} for {seconds:g} s")
        process.link.deafen()
        await trio.sleep(seconds)
        process.link.notice()
        while self.world.away:  # noqa: ASYNC110 - in virtual time
            await trio.sleep(0.1)
        process.link.hear()
