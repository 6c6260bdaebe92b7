"""Headrace inside a program of your own: three ways, from the whole node to a few of its actors.

1. `house_on_postgres`: a node on PostgreSQL as one child of your own supervisor, beside your own
   actor, in your own `trio.run`. Started after the node and so stopped before it, your actor may
   count on the node for as long as it lives.
2. `house_in_memory`: the same with a Store in memory, for tests and for trying things out.
3. `few_actors`: no fork server and no children: Heartbeat, Acker, Distributor, and a worker of your
   own that takes jobs from a Seat and runs them in this very process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import msgspec
import trio

from actors import ChildSpec, Life, MemoryStore, Supervisor, make_node, make_parts, run_supervised
from actors.acker import Acker, Settled
from actors.distributor import Distributor
from actors.heartbeat import Heartbeat
from actors.holdings import Holdings
from actors.identity import this_node
from actors.kit import Strategy
from actors.lease import Lease
from actors.seat import Seat
from actors.store.protocol import Store
from actors.tree import tree
from runtime.config import Config
from runtime.config.queues import QueueLimit
from runtime.job import ClaimedJob
from runtime.outcome import Completed, Failed, Failure, GivenBack, Outcome

# --- 1 and 2: a whole node beside an actor of one's own -------------------------------------------


async def house_on_postgres(url: str, mine: ChildSpec, stop: trio.Event) -> None:
    """Run until `stop`, then drain."""
    config = Config(database_url=url, workers=2, http=False)
    _parts, node = make_node(config, "tests.system.jobs:app")
    house = Supervisor("house", [node, mine])
    await run_supervised(house.spec(), stop=stop)


async def house_in_memory(store: MemoryStore, mine: ChildSpec, stop: trio.Event) -> None:
    """The same; a Store in memory needs no child of its own to hold it open."""
    config = Config(workers=2, http=False)
    parts = make_parts(config, store, "tests.system.jobs:app")
    house = Supervisor("house", [tree(parts).spec(), mine])
    await run_supervised(house.spec(), stop=stop)


# --- 3: a few actors, and a worker of one's own ---------------------------------------------------


@attrs.define
class InProcessWorker:
    """Runs handlers in threads of this process, `places` at once.

    It does three things: it says how many jobs it wants (`set_load`), takes what it is dealt
    (`take`), and settles each job once. A thread cannot be killed: that is what children are for.
    """

    handlers: Mapping[str, Callable[..., Any]]
    seat: Seat
    acker: Acker
    places: int = 4
    _held: int = attrs.field(default=0, init=False)

    async def run(self, life: Life) -> None:
        """Serve until asked to stop; then let what runs end, and give back what does not yet."""
        self.seat.open(tuple(self.handlers))
        life.started()
        async with trio.open_nursery() as nursery:
            self._change_load(0)
            with life.stop_scope():
                while True:
                    jobs = await self.seat.take()
                    self._change_load(len(jobs))
                    for job in jobs:
                        nursery.start_soon(self._run, job)
            self.seat.close()
        unread = self.seat.take_unread()
        self.acker.settle([Settled(job, GivenBack("not begun")) for job in unread])

    async def _run(self, job: ClaimedJob) -> None:
        outcome = await trio.to_thread.run_sync(self._outcome, job)
        self.acker.settle([Settled(job, outcome)])
        self._change_load(-1)

    def _outcome(self, job: ClaimedJob) -> Outcome:
        try:
            value = self.handlers[job.kind](**msgspec.json.decode(job.args))
            return Completed(msgspec.json.encode(value).decode())
        except Exception as error:
            return Failed(Failure(type(error).__name__, str(error)))

    def _change_load(self, more: int) -> None:
        self._held += more
        self.seat.set_load(self.places, self._held)


def few_actors(store: Store, handlers: Mapping[str, Callable[..., Any]]) -> Supervisor:
    """Start order is reading order: a lease first, the Distributor last. Stop is the reverse."""
    queues = [QueueLimit("default")]
    lease, holdings = Lease(), Holdings()
    heartbeat = Heartbeat(store, lease, this_node(["default"], workers=1))
    acker = Acker(store, holdings)
    distributor = Distributor(store, lease, holdings, queues)
    worker = InProcessWorker(handlers, distributor.seat("mine"), acker)
    return Supervisor(
        "few",
        [
            ChildSpec("heartbeat", heartbeat.run),
            ChildSpec("acker", acker.run),
            ChildSpec("worker", worker.run),
            ChildSpec("distributor", distributor.run),
        ],
        strategy=Strategy.REST_FOR_ONE,
    )
