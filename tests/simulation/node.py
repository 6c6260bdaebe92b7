"""A simulated node: the real tree, in one process after the other, each of which can be killed.

A process that was killed leaves nothing behind that acts: its way to the database is cut, its
children end, its tasks are cancelled and what they do while they clean up reaches nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast
from unittest.mock import patch

import attrs
import trio

from actors import events
from actors.flows import Flows
from actors.kit import run_supervised
from actors.parts import Parts, make_parts
from actors.store.protocol import NodeInfo, Store
from actors.tree import tree
from runtime.config import Config
from runtime.config.queues import QueueLimit
from tests.simulation.acting import OUTPUT_LIMIT_BYTES
from tests.simulation.forkserver import SimulatedForkServer
from tests.simulation.freezer import Group, start_in
from tests.simulation.link import Link
from tests.simulation.plans import QUEUES
from tests.simulation.world import World

# How long the children of a killed node live on: until the kernel has told them.
ORPHANED_SECONDS = 0.02
# How long what is left of a killed node may take to unwind.
UNWIND_SECONDS = 60.0
# So many runs make a kind of workflows light: there are not many here.
LIGHT_RUNS = 1

_TOLD = (
    events.LeaseLost,
    events.Released,
    events.ChildKilled,
    events.ChildDied,
    events.TermBegan,
    events.TermEnded,
    events.StoreLost,
)


@attrs.define(eq=False)
class Process:
    """One process of a node. Attributes: gone, set when there is no process any more; ended, set
    when none of its tasks is left."""

    world: World
    name: str
    host: str
    pid: int = attrs.field(init=False)
    group: Group = attrs.field(factory=Group)
    link: Link = attrs.field(init=False)
    forkserver: SimulatedForkServer = attrs.field(init=False)
    parts: Parts = attrs.field(init=False)
    stop: trio.Event = attrs.field(factory=trio.Event)
    gone: trio.Event = attrs.field(factory=trio.Event)
    ended: trio.Event = attrs.field(factory=trio.Event)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    def __attrs_post_init__(self) -> None:
        self.pid = self.world.new_pid()
        self.world.processes[self.pid] = f"at {trio.current_time():.4f}"
        self.link = Link(self.world, self.name, self.group)
        self.forkserver = SimulatedForkServer(self.world, self.name)
        self.parts = self._make_parts()
        start_in(self.group, self.world.nursery, self._main)

    def _make_parts(self) -> Parts:
        with (
            patch("actors.parts.ForkServer", lambda *_args, **_more: self.forkserver),
            patch("actors.parts.this_node", self._info),
            patch("actors.parts.Flows", partial(Flows, runs=LIGHT_RUNS)),
        ):
            store = cast("Store", self.link)
            config = config_of(self.world, self.name)
            return make_parts(config, store, "simulated:app", observe=self._observe)

    def _info(self, queues: Sequence[str], workers: int) -> NodeInfo:
        started = self.world.processes[self.pid]
        name = f"{self.name}:{self.pid}"
        return NodeInfo(name, self.host, self.host, self.pid, started, "0", tuple(queues), workers)

    async def _main(self) -> None:
        with self._scope:
            try:
                await run_supervised(
                    tree(self.parts).spec(), stop=self.stop, observe=lambda _event: None
                )
            except Exception as error:
                self.world.chronicle.note(self.name, f"exits: {error!r}")
        if not self.group.dead:
            self._leave()
            self.forkserver.end("server")
        self.ended.set()

    def _leave(self) -> None:
        self.group.dead = True
        self.link.cut()
        self.world.processes.pop(self.pid, None)
        self.gone.set()

    def _observe(self, event: events.Event) -> None:
        if self.group.dead:
            return
        if isinstance(event, _TOLD):
            self.world.chronicle.note(self.name, str(event))

    @property
    def pids(self) -> frozenset[int]:
        """Of its children."""
        return frozenset(child.pid for child in self.forkserver.living)

    def kill(self) -> None:
        """SIGKILL."""
        if not self.group.dead:
            self._leave()
            self._scope.cancel()
            self.group.thaw()
            self.world.start(self._orphan)
            self.world.start(self._expect_end)

    async def _orphan(self) -> None:
        await trio.sleep(self.world.dice.uniform(0.0, ORPHANED_SECONDS))
        self.forkserver.end("server")

    async def _expect_end(self) -> None:
        with trio.move_on_after(UNWIND_SECONDS):
            await self.ended.wait()
            return
        self.world.chronicle.failings.append(f"{self.name} was cancelled and does not end")


def config_of(world: World, name: str) -> Config:
    """Quick, so that much happens in little time."""
    weather = world.weather
    return Config(
        flows=2 * weather.workers,
        queues=(QueueLimit(QUEUES[0]), QueueLimit(QUEUES[1], 2), QueueLimit(name)),
        workers=weather.workers,
        async_concurrency=3,
        lease_seconds=weather.lease_seconds,
        heartbeat_seconds=weather.lease_seconds / 4,
        term_seconds=3.0,
        poll_seconds=1.0 if weather.poll_only else 3.0,
        poll_only=weather.poll_only,
        drain_seconds=3.0,
        kill_grace_seconds=1.0,
        payload_limit_bytes=OUTPUT_LIMIT_BYTES,
        payload_warn_bytes=OUTPUT_LIMIT_BYTES,
        keep_completed_seconds=0.0,
        keep_cancelled_seconds=0.0,
        keep_discarded_seconds=0.0,
        http=False,
    )


class Node:
    """A machine's place for a node: begins another process when the last one is gone.

    Attributes: process, the last one; over, set when no more is to begin.
    """

    def __init__(self, world: World, name: str, host: str) -> None:
        self.name = name
        self.over = False
        self._world = world
        self._host = host
        self.process = Process(world, name, host)
        world.start(self._keep)

    async def _keep(self) -> None:
        while True:
            await self.process.gone.wait()
            await trio.sleep(self._world.weather.start_seconds * self._world.dice.uniform(1.0, 3.0))
            if self.over:
                return
            self.process = Process(self._world, self.name, self._host)
