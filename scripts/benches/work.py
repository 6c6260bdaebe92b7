"""Jobs in, and all of them done: what most benches do between two looks at the clock.

How far the work is, is seen at a few jobs spread over all of them, the last one among them, by
their primary key: that costs the server a millisecond a look, however many jobs there are. The
times are the database's: from the first claim (`attempted_at`) to the begin of the last ack
(`finalized_at`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import attrs

from runtime import AsyncClient, NewJob
from scripts.benches.app import app, noop
from scripts.benches.errors import BenchFailed
from scripts.benches.node import Node
from scripts.benches.site import Space

_PROBES = 50
_LOOK_SECONDS = 0.2
_MOST_SECONDS = 600.0  # without any progress


@attrs.frozen
class Span:
    """What was done. Times in seconds since 1970, by the database."""

    jobs: int
    completed: int
    first_claim: float
    last_ack: float

    @property
    def seconds(self) -> float:
        return self.last_ack - self.first_claim

    @property
    def jobs_per_s(self) -> float:
        return self.jobs / self.seconds


def noops(count: int) -> list[NewJob]:
    """So many no-op jobs with small args."""
    return [noop.new_job(number) for number in range(count)]


def enqueue(space: Space, jobs: Iterable[NewJob]) -> float:
    """Write them in one transaction, by COPY; how many seconds that took."""

    async def write() -> float:
        url, namespace = space.site.url, space.namespace
        async with AsyncClient(app, url, namespace=namespace, pool_size=1) as client:
            began = time.perf_counter()
            await client.enqueue_many(jobs)
            return time.perf_counter() - began

    return space.database.run(write())


def wait_done(space: Space, ids: Sequence[UUID], nodes: Sequence[Node]) -> None:
    """Wait until all of these jobs are final. Raises BenchFailed."""
    step = max(1, len(ids) // _PROBES)
    probes = list(ids[::-step])
    seen, since = -1, time.monotonic()
    while seen < len(probes):
        time.sleep(_LOOK_SECONDS if seen >= 0 else 0)
        for node in nodes:
            node.check()
        final = int(space.database.value("final", probes))
        space.site.progress.show(f"{100 * final / len(probes):.0f} %")
        if final != seen:
            seen, since = final, time.monotonic()
        elif time.monotonic() - since > _MOST_SECONDS:
            raise BenchFailed(f"no progress for {_MOST_SECONDS:g} s")
    _wait_rest(space, ids)


def _wait_rest(space: Space, ids: Sequence[UUID]) -> None:
    """The order of ends is not that of ids: now look at all."""
    deadline = time.monotonic() + _MOST_SECONDS
    while int(space.database.value("final", ids)) < len(ids):
        if time.monotonic() > deadline:
            raise BenchFailed("some jobs do not end")
        time.sleep(_LOOK_SECONDS)


def span(space: Space) -> Span:
    """What was done in all. Raises BenchFailed, if it did not all go well."""
    return _checked(space.database.row("span"))


def span_of(space: Space, ids: Sequence[UUID]) -> Span:
    """What was done of these jobs. Raises BenchFailed, if it did not all go well."""
    return _checked(space.database.row("span_of", ids))


def _checked(row: Any) -> Span:
    done = Span(**dict(row.items()))
    if done.completed != done.jobs:
        raise BenchFailed(f"only {done.completed} of {done.jobs} jobs were completed")
    return done


def ids_of(jobs: Iterable[NewJob]) -> list[UUID]:
    """Their ids, in order."""
    return [job.id for job in jobs]


def work_off(space: Space, jobs: Sequence[NewJob], *options: str) -> Span:
    """Have a node with these options do waiting jobs, from its start on."""
    space.settle()
    with space.node(*options) as node:
        wait_done(space, ids_of(jobs), [node])
    return span(space)


@attrs.frozen
class Served:
    """What nodes did that were waiting for it: from the commit to the last ack."""

    enqueue_seconds: float
    wall_seconds: float


def serve_now(space: Space, jobs: Sequence[NewJob], nodes: Sequence[Node]) -> Served:
    """Enqueue jobs in one transaction for nodes that serve, and wait until they are done."""
    space.settle()
    enqueue_seconds = enqueue(space, jobs)
    committed = space.now()
    ids = ids_of(jobs)
    wait_done(space, ids, nodes)
    return Served(enqueue_seconds, span_of(space, ids).last_ack - committed)
