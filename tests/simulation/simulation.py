"""One simulation: several nodes, each the real tree, on one database in memory, in virtual time.

weather, dice ◀── seed
clients ─▶ links ─▶ database ◀─ links ◀─ nodes (real trees) ─▶ simulated children
             ▲                             ▲                       ▲
             └─────────── storm of faults ─┴───────────────────────┘
then calm: all jobs end ─▶ each node still works ─▶ all are drained ─▶ history ─▶ checkers
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import attrs
import trio

from actors.store.memory import MemoryStore
from runtime.errors import JobNotFound
from runtime.job import Job
from runtime.payload import PayloadLimits
from scripts.campaigns.checker import Violation, check
from scripts.campaigns.history import History
from tests.simulation import promises
from tests.simulation.acting import OUTPUT_LIMIT_BYTES
from tests.simulation.chronicle import Chronicle
from tests.simulation.clients import Clients
from tests.simulation.crashes import crashes_noted
from tests.simulation.determinism import run_seeded
from tests.simulation.freezer import install
from tests.simulation.link import LINGER_SECONDS
from tests.simulation.node import Node
from tests.simulation.plans import KINDS
from tests.simulation.storm import Storm
from tests.simulation.weather import Weather, draw
from tests.simulation.world import World

# A node that is asked for nothing else must run a job within this, also one that has lost its lease
# in the dark, where no call is answered.
ANSWER_SECONDS = 15.0
# Longer than a drain, its grace, and the last writes may take.
DRAIN_SECONDS = 30.0


@attrs.frozen
class Report:
    """What came of a seed. Attributes: figures, by name; virtual_seconds, how long it lasted."""

    seed: int
    weather: Weather
    history: History
    violations: tuple[Violation, ...]
    chronicle: Chronicle
    virtual_seconds: float

    def digest(self) -> str:
        """Differs if anything at all went differently."""
        said = [*self.chronicle.lines, repr(self.history)]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()


def make_store() -> MemoryStore:
    """The database, as it should be."""
    return MemoryStore(limits=PayloadLimits(args_bytes=4096, output_bytes=OUTPUT_LIMIT_BYTES))


def simulate(seed: int, store: Callable[[], MemoryStore] = make_store, **weather: object) -> Report:
    """Run the simulation of this seed.

    Args: store: makes the database; another one may be broken on purpose. weather: what of the
    seed's weather is to be otherwise.
    """
    return run_seeded(seed, partial(_simulate, seed, store, weather))


async def _simulate(
    seed: int, store: Callable[[], MemoryStore], otherwise: Mapping[str, Any]
) -> Report:
    install()
    dice = random.Random(seed)
    weather = attrs.evolve(draw(dice), **otherwise)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        world = World(dice, weather, store(), nursery)
        with _in_place_of_the_real(world), crashes_noted(world.chronicle):
            rows = await _Course(world).run()
        seconds = trio.current_time() - began
        nursery.cancel_scope.cancel()
    history = promises.history(world, rows)
    violations = (*check(history), *promises.broken(world, rows))
    return Report(seed, weather, history, violations, world.chronicle, seconds)


@contextmanager
def _in_place_of_the_real(world: World) -> Iterator[None]:
    with patch("actors.predecessors.process_started", world.process_started):
        yield


class _Course:
    """The course of one simulation."""

    def __init__(self, world: World) -> None:
        hosts = [f"host-{number}" for number in range(world.weather.hosts)]
        self._world = world
        self._nodes = [
            Node(world, f"node-{number}", hosts[number % len(hosts)])
            for number in range(world.weather.nodes)
        ]
        self._clients = Clients(world)
        self._storm = Storm(world, self._nodes)

    async def run(self) -> list[Job]:
        """All of it; the jobs as they are in the end."""
        world = self._world
        world.chronicle.note("weather", str(world.weather))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._clients.enqueue_all)
            nursery.start_soon(self._storm.rage)
            if world.weather.cancels:
                nursery.start_soon(self._clients.cancel_some)
            if world.weather.pauses:
                nursery.start_soon(self._clients.pause_some)
        if world.weather.pauses:
            await trio.sleep(LINGER_SECONDS)  # a pause that was not answered may come so late
        await self._clients.resume_all()
        patience = world.weather.patience_seconds
        await self._expect("the last job ends", self._all_ended, patience)
        await self._try_each_node()
        await self._drain()
        return await self._rows()

    async def _expect(self, what: str, holds: Callable[[], object], seconds: float) -> None:
        """Wait until it holds. If it does not, that is a promise broken."""
        until = trio.current_time() + seconds
        while not holds():
            if trio.current_time() >= until:
                self._world.chronicle.failings.append(f"not within {seconds:g} s: {what}")
                return
            await trio.sleep(0.1)

    def _all_ended(self) -> bool:
        return not self._clients.under_way and not promises.unended(self._world)

    async def _try_each_node(self) -> None:
        """A job of each kind that only this node may run."""
        for node in self._nodes:
            await self._clients.enqueue(
                [self._clients.plan(node.name, info.kind) for info in KINDS]
            )
        what = "each node runs a job that only it may run"
        await self._expect(what, self._all_ended, ANSWER_SECONDS)
        await self._expect("nodes forget what they have held", self._nobody_holds, ANSWER_SECONDS)

    def _nobody_holds(self) -> bool:
        parts = [node.process.parts for node in self._nodes]
        return not any(len(p.holdings) or p.acker.pending or p.running for p in parts)

    async def _drain(self) -> None:
        for node in self._nodes:
            node.over = True
            node.process.stop.set()
        for node in self._nodes:
            what = f"{node.name} ends when it is asked to"
            await self._expect(what, node.process.ended.is_set, DRAIN_SECONDS)

    async def _rows(self) -> list[Job]:
        rows = []
        for job_id in list(self._world.plans):
            try:
                rows.append(await self._world.store.get(job_id))
            except JobNotFound:
                name = self._world.plans[job_id].name
                self._world.chronicle.note("client", f"{name} is not there")
        return rows
