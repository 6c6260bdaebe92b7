"""`noop`: how many jobs a second when the handler does nothing.

Method. N no-op jobs with small args are enqueued (COPY); then a node with default settings is
started. `jobs_per_s` is N through the time from its first claim to its last ack, by the database's
clock; the slow beginning, in which it learns how short the jobs are, counts. `startup_s` is the
time from the start of the process to that first claim. `sql_limit_jobs_per_s`: as many jobs in a
fresh namespace through the Store's own claim and ack statements in a bare loop without children,
the best of one and two connections; `ratio` is how much of that a whole node reaches. Each round
measures all three one after the other, after a CHECKPOINT each; reported are medians over the
rounds.

Goals: ratio at least 0.7; and at least twice of what the best tunings of River (14,500) and
PgQueuer (12,000) did on the machine with two cores on which those were measured; elsewhere the
last two say little.
"""

from __future__ import annotations

import argparse
import time

from scripts.benches.bare import Bare, node_batch
from scripts.benches.figures import Figures, Goal, Result, medians
from scripts.benches.site import Site
from scripts.benches.work import enqueue, noops, work_off

CONNECTIONS = (1, 2)
GOALS = (
    Goal("ratio", ">=", 0.7),
    Goal("jobs_per_s", ">=", 29_000),
    Goal("jobs_per_s", ">=", 24_000),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--jobs", type=int, default=100_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="R")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    figures = medians([_round(site, chosen.jobs) for _ in range(chosen.rounds)])
    figures["ratio"] = figures["jobs_per_s"] / figures["sql_limit_jobs_per_s"]
    return Result(figures, GOALS)


def _round(site: Site, count: int) -> Figures:
    figures = _served(site, count)
    limits = {connections: _limit(site, count, connections) for connections in CONNECTIONS}
    figures["sql_limit_jobs_per_s"] = max(limits.values())
    return figures | {f"sql_limit_{n}_connection_jobs_per_s": rate for n, rate in limits.items()}


def _served(site: Site, count: int) -> Figures:
    site.progress.phase(f"noop: {count} jobs in a node")
    with site.space() as space:
        jobs = noops(count)
        enqueue_seconds = enqueue(space, jobs)
        began = time.time()
        done = work_off(space, jobs)
    return {
        "jobs_per_s": done.jobs_per_s,
        "seconds": done.seconds,
        "startup_s": done.first_claim - began,
        "enqueue_per_s": count / enqueue_seconds,
    }


def _limit(site: Site, count: int, connections: int) -> float:
    site.progress.phase(f"sql_limit: {count} jobs by {connections} connections")
    with site.space() as space:
        enqueue(space, noops(count))
        space.settle()
        bare = Bare(space, node_batch(), count)
        return count / bare.loop(connections)
