"""`latency`: how soon a job begins, and how soon it is seen to be completed.

Method. A node with default settings serves. N jobs are inserted one by one, 20 ms apart, by one
client with one connection. All times are CLOCK_MONOTONIC of this machine.
- round_trip: N bare questions to the database, 20 ms apart, by a client that does nothing else:
  what a sleeping machine takes to wake a server process and a client. Compare with it the others:
  between an insert and its job's start are the notification, the claim's round trip and the child.
- start: from when the client's call returned, so that the insert is committed and its user knows,
  to the first line of the handler. The handler returns that moment as its output, which is read
  when all is over: nothing watches meanwhile. A job that had begun before the client's call
  returned has a negative time and counts as such.
- completed: another N jobs; after each insert another session asks for the job's row by its
  primary key, every 0.2 ms, until it sees it completed. So this is an upper bound: it has the
  round trip of the last question in it, up to 0.2 ms of sleep, and the CPU time that the questions
  take from the node. That is why the starts of these jobs are not used.
- loaded: starts again while jobs that burn 5 ms of CPU (as that takes where all cores are busy)
  are enqueued one by one at random times, so many that they take half of the time of all cores.
  With as many children as cores, a third of the jobs find every child busy and wait for its end:
  p95 is that wait. Nobody watches for their ends, for the questions would be the load that is too
  much: completed is when the statement that wrote it began, by the database's clock, which must be
  this machine's. Its commit is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import attrs
import msgspec

from runtime import AsyncClient, sql
from runtime.config.cores import usable_cores
from scripts.benches.app import app, note_start
from scripts.benches.burning import turns_for_busy_cores
from scripts.benches.database import connect
from scripts.benches.errors import BenchFailed
from scripts.benches.feeder import Feed, feeding
from scripts.benches.figures import Figures, Goal, Result, percentiles
from scripts.benches.site import Site, Space

GAP_SECONDS = 0.020
QUESTION_SECONDS = 0.0002
LOAD_SECONDS = 0.005  # CPU time of each job of the load
WARM_JOBS = 20
SETTLE_SECONDS = 1.0
MOST_SECONDS = 60.0  # for one job
GOALS = (
    Goal("start_p50_ms", "<=", 1.0),
    Goal("start_p99_ms", "<=", 5.0),
    Goal("completed_p50_ms", "<=", 3.0),
)

_STUCK = f"a job has not ended after {MOST_SECONDS:g} s: is the machine busy with other work?"
_doze = time.sleep  # on purpose in the loop, which has nothing else to do: its timers tick in ms


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--jobs", type=int, default=500, metavar="N")
    parser.add_argument("--load", type=float, default=0.5, metavar="SHARE", help="of all cores")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    with site.space() as space, space.serving():
        Sampler(space).samples(WARM_JOBS, watch=False)
        figures = _round_trips(space, chosen.jobs)
        figures |= _starts(space, "", chosen.jobs) | _ends(space, chosen.jobs)
        turns = turns_for_busy_cores(LOAD_SECONDS)
        per_second = chosen.load * usable_cores() / LOAD_SECONDS
        feed = Feed(site.url, space.namespace, "paced", per_second=per_second, turns=turns)
        with feeding(feed):
            time.sleep(SETTLE_SECONDS)
            figures |= _starts(space, "loaded_", chosen.jobs)
    return Result(figures, GOALS)


def _round_trips(space: Space, count: int) -> Figures:
    space.site.progress.phase(f"round_trip: {count} statements")
    return percentiles("round_trip", space.database.run(_ping_ms(space, count)))


async def _ping_ms(space: Space, count: int) -> list[float]:
    session = await connect(space.site.url, space.namespace)
    question, taken = sql.load("ping"), []
    try:
        for _ in range(count):
            await asyncio.sleep(GAP_SECONDS)
            began = time.monotonic_ns()
            await session.fetch(question)
            taken.append((time.monotonic_ns() - began) / 1e6)
    finally:
        session.terminate()
    return taken


def _starts(space: Space, prefix: str, count: int) -> Figures:
    sampler = Sampler(space)
    space.site.progress.phase(f"{prefix}start: {count} jobs")
    samples = sampler.samples(count, watch=False)
    moments = sampler.moments(samples)
    figures = percentiles(f"{prefix}start", [moment.start_ms for moment in moments])
    figures |= percentiles(f"{prefix}insert", [sample.insert_ms for sample in samples])
    if prefix:
        written = [moment.written_ms for moment in moments]
        figures |= percentiles(f"{prefix}completed", written)
    return figures


def _ends(space: Space, count: int) -> Figures:
    space.site.progress.phase(f"completed: {count} jobs")
    samples = Sampler(space).samples(count, watch=True)
    return percentiles("completed", [sample.seen_ms for sample in samples])


@attrs.define
class Sample:
    """One job. Times in milliseconds; `known_us` is when its enqueuer knew, on the clock."""

    id: UUID
    insert_ms: float
    known_us: int
    seen_ms: float = 0.0


@attrs.frozen
class Moment:
    """After its insert was known, when a job began, and when its outcome was being written."""

    start_ms: float
    written_ms: float


@attrs.frozen
class Sampler:
    """Inserts jobs at their times."""

    space: Space

    def samples(self, count: int, *, watch: bool) -> list[Sample]:
        """So many jobs; with `watch`, each is waited for."""
        return self.space.database.run(self._samples(count, watch))

    async def _samples(self, count: int, watch: bool) -> list[Sample]:
        url, namespace = self.space.site.url, self.space.namespace
        session = await connect(url, namespace)
        loop = asyncio.get_running_loop()
        try:
            async with AsyncClient(app, url, namespace=namespace, pool_size=1) as client:
                await client.enqueue(note_start)  # connects
                taken: list[Sample] = []
                due = loop.time()
                for _ in range(count):
                    due = max(due + GAP_SECONDS, loop.time())
                    await asyncio.sleep(due - loop.time())
                    sample = await self._insert(client)
                    if watch:
                        sample.seen_ms = await _seen_ms(session, sample)
                    taken.append(sample)
                return taken
        finally:
            session.terminate()

    async def _insert(self, client: AsyncClient) -> Sample:
        began = time.monotonic_ns()
        handle = await client.enqueue(note_start)
        known = time.monotonic_ns()
        return Sample(handle.id, (known - began) / 1e6, known // 1000)

    def moments(self, samples: list[Sample]) -> list[Moment]:
        """Of each job. Raises BenchFailed."""
        ids = [sample.id for sample in samples]
        rows: dict[UUID, Any] = {}
        deadline = time.monotonic() + MOST_SECONDS
        while len(rows) < len(ids):
            if time.monotonic() > deadline:
                raise BenchFailed(_STUCK)
            rows = {row["id"]: row for row in self.space.database.rows("outputs", ids)}
        return [_moment(sample, rows[sample.id]) for sample in samples]


def _moment(sample: Sample, row: Any) -> Moment:
    started_us = msgspec.json.decode(row["output"])
    written_us = (row["written_at"] - (time.time() - time.monotonic())) * 1e6
    return Moment((started_us - sample.known_us) / 1e3, (written_us - sample.known_us) / 1e3)


async def _seen_ms(session: Any, sample: Sample) -> float:
    """Ask until the job is completed; how long after its insert that was. Raises BenchFailed."""
    question, ids = sql.load("bench_final"), [sample.id]
    ask: Callable[[str, list[UUID]], Any] = session.fetchval
    while not await ask(question, ids):
        _doze(QUESTION_SECONDS)
        if time.monotonic_ns() // 1000 > sample.known_us + 1e6 * MOST_SECONDS:
            raise BenchFailed(_STUCK)
    return (time.monotonic_ns() / 1000 - sample.known_us) / 1e3
