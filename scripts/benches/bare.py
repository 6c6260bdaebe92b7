"""What PostgreSQL alone can do: the Store's own claim and ack in a bare loop, without children.

    claim a batch ─▶ ack it as completed ─▶ claim ... until there is nothing to claim

Each connection has its own loop. The batch is what a node claims at most at once when its children
are at their quickest. Python's share in this (encoding and decoding rows) is in a node, too.
"""

from __future__ import annotations

import os
import time
from uuid import UUID

import attrs
import trio

from actors.capacity import MAX_HELD
from actors.store.bridge import open_bridge
from actors.store.postgres import PostgresStore, session_of
from actors.store.protocol import Demand, NodeInfo
from runtime.config.cores import usable_cores
from runtime.job import DEFAULT_QUEUE, ClaimedJob
from runtime.lifecycle import Ack, JobState
from scripts.benches.app import app
from scripts.benches.site import Space

_LEASE_SECONDS = 3600.0


def node_batch() -> int:
    """What a node with default settings claims at most at once."""
    return usable_cores() * MAX_HELD


@attrs.define
class Bare:
    """Loops over one namespace, and what they have seen."""

    space: Space
    batch: int
    limit: int  # stop after so many jobs
    jobs: int = 0
    claim_seconds: float = 0.0
    ack_seconds: float = 0.0

    def loop(self, connections: int) -> float:
        """Run so many loops side by side; how many seconds they took together."""
        return trio.run(self._loops, connections)

    async def _loops(self, connections: int) -> float:
        namespace = self.space.namespace
        async with open_bridge(
            self.space.site.url,
            session=session_of(namespace),
            min_size=connections,
            max_size=connections,
        ) as bridge:
            store = PostgresStore(bridge, namespace=namespace)
            node_id = await store.join(_nobody(), _LEASE_SECONDS)
            for _ in range(connections):
                await store.claim(node_id, [])  # this and the next prepare the statements
                await store.ack([Ack(UUID(int=0), 0, JobState.COMPLETED)])
            began = time.perf_counter()
            async with trio.open_nursery() as nursery:
                for _ in range(connections):
                    nursery.start_soon(self._one, store, node_id)
            return time.perf_counter() - began

    async def _one(self, store: PostgresStore, node_id: int) -> None:
        demand = [Demand(DEFAULT_QUEUE, tuple(app.handlers), self.batch)]
        while self.jobs < self.limit:
            began = time.perf_counter()
            jobs = await store.claim(node_id, demand)
            claimed = time.perf_counter()
            if not jobs:
                return
            await store.ack([_completed(job) for job in jobs])
            self.claim_seconds += claimed - began
            self.ack_seconds += time.perf_counter() - claimed
            self.jobs += len(jobs)


def _completed(job: ClaimedJob) -> Ack:
    return Ack(job.id, job.run_number, JobState.COMPLETED)


def _nobody() -> NodeInfo:
    return NodeInfo(
        name="bench",
        host="bench",
        boot_id="bench",
        pid=os.getpid(),
        pid_started="0",
        version="0",
        queues=(DEFAULT_QUEUE,),
        workers=0,
    )
