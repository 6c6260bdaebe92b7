"""`enqueue`: how many jobs a second can be enqueued, and what telling the nodes of them costs.

Method. A client with an asyncio loop (uvloop) enqueues no-op jobs with small args, in four ways:
- single: one by one, each awaited, by one connection;
- connections_16: the same by 16 tasks with a connection each, in one process;
- bulk_1000: by `enqueue_many` on a connection of the caller's own, 1,000 a call, one statement
  each;
- copy: by a client's `enqueue_many`, 10,000 a call, which are copied. Making the jobs is part of
  it. A node with default settings listens that has no free place, so it leaves the cores to those
  who enqueue; `steady` shows one that works.

Without NOTIFY (`..._silent`): the same calls in a second namespace in which a function that does
nothing stands before PostgreSQL's pg_notify. All else is the same, rows, indexes, statements and a
node. The two take turns, a second each, and who is first changes with
each round; reported are medians over the rounds, and `..._notify_ratio`, with through without.

Goal: with NOTIFY at least 0.95 of the rate without it, in each way.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs

from runtime import AsyncClient, enqueue_many, sql
from scripts.benches.app import app, noop
from scripts.benches.database import connect
from scripts.benches.figures import Figures, Goal, Result, medians
from scripts.benches.site import Site, Space
from scripts.benches.work import noops

FULL_APP = "scripts.benches.full_app:app"
CONNECTIONS = 16
BULK_JOBS = 1_000
COPY_JOBS = 10_000
WARM_SECONDS = 0.5
WAYS = ("single", "connections_16", "bulk_1000", "copy")
GOALS = tuple(Goal(f"{way}_notify_ratio", ">=", 0.95) for way in WAYS)

Step = Callable[[], Awaitable[int]]


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="of each turn")
    parser.add_argument("--rounds", type=int, default=9, metavar="R")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    with site.space() as loud, site.space() as silent:
        for statement in ("bench_silence", "bench_unbind"):
            silent.database.execute(sql.load(statement))
        with loud.serving(app=FULL_APP), silent.serving(app=FULL_APP):
            rounds = loud.database.run(_rounds(loud, silent, chosen.rounds, chosen.seconds))
    figures = medians(rounds)
    ratios = {
        f"{way}_notify_ratio": figures[f"{way}_per_s"] / figures[f"{way}_silent_per_s"]
        for way in WAYS
    }
    return Result(dict(sorted(figures.items())) | ratios, GOALS)


async def _rounds(loud: Space, silent: Space, count: int, seconds: float) -> list[Figures]:
    progress = loud.site.progress
    async with _enqueuer(loud) as with_notify, _enqueuer(silent) as without:
        turns = [("", with_notify), ("_silent", without)]
        progress.phase("warming up")
        await _round(turns, min(seconds, WARM_SECONDS))
        rounds = []
        for number in range(count):
            progress.phase(f"round {number + 1} of {count}")
            rounds.append(await _round(turns[:: 1 if number % 2 else -1], seconds))
        return rounds


async def _round(turns: Sequence[tuple[str, Enqueuer]], seconds: float) -> Figures:
    return {
        f"{way}{suffix}_per_s": await _rate(enqueuer.ways()[way], way, seconds)
        for way in WAYS
        for suffix, enqueuer in turns
    }


@asynccontextmanager
async def _enqueuer(space: Space) -> AsyncIterator[Enqueuer]:
    """Connections to a namespace."""
    url, namespace = space.site.url, space.namespace
    own = await connect(url, namespace)
    try:
        async with AsyncClient(app, url, namespace=namespace, pool_size=CONNECTIONS) as client:
            yield Enqueuer(client, own, namespace)
    finally:
        own.terminate()


async def _rate(step: Step, way: str, seconds: float) -> float:
    """Enqueue for so long; jobs a second."""
    jobs = 0
    tasks = CONNECTIONS if way == "connections_16" else 1
    began = time.perf_counter()

    async def repeat() -> None:
        nonlocal jobs
        while time.perf_counter() - began < seconds:
            done = await step()  # others add to the sum meanwhile
            jobs += done

    await asyncio.gather(*(repeat() for _ in range(tasks)))
    return jobs / (time.perf_counter() - began)


@attrs.frozen
class Enqueuer:
    """The ways; each step returns how many jobs it enqueued."""

    client: AsyncClient
    own: Any
    namespace: str

    def ways(self) -> dict[str, Step]:
        """The step of each."""
        return dict(zip(WAYS, (self._one, self._one, self._bulk, self._copy), strict=True))

    async def _one(self) -> int:
        await self.client.enqueue(noop, 1)
        return 1

    async def _bulk(self) -> int:
        await enqueue_many(self.own, noops(BULK_JOBS), namespace=self.namespace)
        return BULK_JOBS

    async def _copy(self) -> int:
        await self.client.enqueue_many(noops(COPY_JOBS))
        return COPY_JOBS
