"""A node's actors on a Store in memory, under trio's MockClock. No process, no database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from uuid import UUID

import attrs
import pytest
import trio

from actors import events
from actors.distributor import Distributor
from actors.holdings import Holdings
from actors.kit import Life
from actors.lease import Lease
from actors.seat import Seat
from actors.store.memory import MemoryStore
from actors.store.protocol import NodeInfo
from runtime.config.queues import QueueLimit
from runtime.ids import uuid7
from runtime.job import ClaimedJob, NewJob
from tests.support.clock import use_virtual_clock

NODE = NodeInfo("host:1", "host", "boot", 1, "0", "0", ("default",), 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that take one of these run on the virtual clock."""
    for fixture in ("bench", "batching"):
        use_virtual_clock(items, fixture, Path(__file__).parent)


def new_job(kind: str = "kind", queue: str = "default", **options: object) -> NewJob:
    return NewJob(id=uuid7(), kind=kind, queue=queue, **options)  # type: ignore[arg-type]


@attrs.define(eq=False)
class Bench:
    """Parts of a node, for tests to run the one that they are about."""

    nursery: trio.Nursery
    store: MemoryStore
    lease: Lease = attrs.field(factory=Lease)
    holdings: Holdings = attrs.field(factory=Holdings)
    seen: list[events.Event] = attrs.field(factory=list)

    async def join(self, lease_seconds: float = 1e6) -> int:
        node_id = await self.store.join(NODE, lease_seconds)
        self.lease.begin(node_id, trio.current_time() + lease_seconds)
        return node_id

    async def start(self, run: Callable[[Life], Awaitable[None]], name: str = "actor") -> Life:
        """Run an actor in the background; return once it has started."""
        started = trio.Event()
        life = Life(name, on_started=started.set)
        self.nursery.start_soon(run, life)
        await started.wait()
        return life

    def distributor(
        self, *queues: str, poll_seconds: float = 5.0, poll_only: bool = False
    ) -> Distributor:
        names = queues or ("default",)
        limits = [QueueLimit.parse(name) for name in names]
        return Distributor(
            self.store,
            self.lease,
            self.holdings,
            limits,
            poll_seconds=poll_seconds,
            poll_only=poll_only,
            observe=self.seen.append,
        )

    def saw(self, kind: type[events.Event]) -> list[events.Event]:
        return [event for event in self.seen if type(event) is kind]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, MemoryStore())
        nursery.cancel_scope.cancel()


def seat_for(
    distributor: Distributor, *kinds: str, places: int = 1, name: str = "worker-0"
) -> Seat:
    """A Worker's place at the table, without the Worker."""
    seat = distributor.seat(name)
    seat.open(kinds or ("kind",))
    seat.set_load(places, 0)
    return seat


def ids(jobs: Sequence[ClaimedJob]) -> list[UUID]:
    return [job.id for job in jobs]
