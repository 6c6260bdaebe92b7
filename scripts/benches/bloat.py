"""`bloat`: throughput while another session keeps a snapshot, so that nothing dead can be removed.

Method. N no-op jobs (200,000) are enqueued, and a node with default settings works them off, from
its first claim to its last ack, as in `noop`; once alone, and once while another session has had a
transaction in REPEATABLE READ open since before the node began, with a snapshot taken. As long as
that snapshot lives, the index entries of claimed jobs stay where they are, in front of those that
can still be claimed. Rounds take turns; reported are medians. `ratio` is with through without.

Goal: at least 0.8.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from runtime import sql
from scripts.benches.database import Database, connect
from scripts.benches.figures import Figures, Goal, Result, medians
from scripts.benches.site import Site
from scripts.benches.work import enqueue, noops, work_off

GOALS = (Goal("ratio", ">=", 0.8),)


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--jobs", type=int, default=200_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=2, metavar="R")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    figures = medians([_round(site, chosen.jobs) for _ in range(chosen.rounds)])
    figures["ratio"] = figures["held_jobs_per_s"] / figures["alone_jobs_per_s"]
    return Result(figures, GOALS)


def _round(site: Site, count: int) -> Figures:
    return {
        "alone_jobs_per_s": _measure(site, count, held=False),
        "held_jobs_per_s": _measure(site, count, held=True),
    }


def _measure(site: Site, count: int, *, held: bool) -> float:
    site.progress.phase(f"{count} jobs {'with a snapshot held' if held else 'alone'}")
    with site.space() as space:
        jobs = noops(count)
        enqueue(space, jobs)
        with _snapshot(space.database) if held else nullcontext():
            return work_off(space, jobs).jobs_per_s


@contextmanager
def _snapshot(database: Database) -> Iterator[None]:
    """A session that keeps a snapshot for as long as the block lasts."""
    session = database.run(connect(database.url, database.namespace))
    try:
        database.run(session.transaction(isolation="repeatable_read").start())
        database.run(session.fetchval(sql.load("bench_clock")))  # the snapshot is taken here
        yield
    finally:
        session.terminate()
