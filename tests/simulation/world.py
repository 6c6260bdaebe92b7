"""The world that simulated nodes live in: dice, database, network, processes, and the chronicle.

Rule: what belongs to no node, such as the database, the network, fork servers and children, runs in
tasks of the world, so that it goes on when a node is stopped or gone.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVarTuple, Unpack
from uuid import UUID

import attrs
import trio

from actors.store.memory import MemoryStore
from tests.simulation.chronicle import Chronicle
from tests.simulation.freezer import start_in
from tests.simulation.plans import Plan
from tests.simulation.weather import Weather

Ts = TypeVarTuple("Ts")

# Times are rounded to this, so that things do happen at the same moment, in either order.
GRAIN_SECONDS = 0.0005


@attrs.define(eq=False)
class World:
    """See the module's docstring.

    Attributes: calm, when no more faults are made; processes, by pid, when they were started, as
    long as they are there; away, whether the database is; restarts, how often it went away;
    slowness, by which everything takes longer on its way to the database.
    """

    dice: random.Random
    weather: Weather
    store: MemoryStore
    nursery: trio.Nursery
    chronicle: Chronicle = attrs.field(factory=Chronicle)
    plans: dict[UUID, Plan] = attrs.field(factory=dict)
    processes: dict[int, str] = attrs.field(factory=dict)
    calm: bool = False
    away: bool = False
    restarts: int = 0
    slowness: float = 1.0
    _pids: int = 100

    def start(self, function: Callable[[Unpack[Ts]], Awaitable[Any]], *args: *Ts) -> None:
        """Have a task of the world."""
        start_in(None, self.nursery, function, *args)

    def new_pid(self) -> int:
        """A pid; now and then one that another process has had."""
        gone = [pid for pid in range(101, self._pids + 1) if pid not in self.processes]
        if gone and self.dice.random() < 0.2:
            return self.dice.choice(gone)
        self._pids += 1
        return self._pids

    def process_started(self, pid: int) -> str:
        """As actors.identity has it: "" if there is none of this pid."""
        return self.processes.get(pid, "")

    # --- time -------------------------------------------------------------------------------------

    def about(self, seconds: float) -> float:
        """A time of about so many seconds, sometimes of many more."""
        drawn = self.dice.expovariate(1 / seconds) if seconds > 0 else 0.0
        return round(drawn / GRAIN_SECONDS) * GRAIN_SECONDS

    async def blink(self, seconds: float = 0.0005) -> None:
        """What a process waits for its turn on a core."""
        await trio.sleep(self.about(seconds))

    async def lag(self) -> None:
        """What a message is under way between a process and the database."""
        await trio.sleep(self.about(self.weather.lag_seconds) * self.slowness)

    def chance(self, manner: str) -> bool:
        """Whether a call shall fail in this manner."""
        return not self.calm and self.dice.random() < self.weather.chances[manner]

    # --- the database -----------------------------------------------------------------------------

    def lose_database(self) -> None:
        """It is gone, and with it what it has not begun to do."""
        self.away = True
        self.restarts += 1
        self.store.lose_listeners()

    def find_database(self) -> None:
        """It is back."""
        self.away = False
        self.store.find_listeners()
