"""`limits`: what limits over all nodes cost that do not bind.

Method. As `noop`: N no-op jobs are enqueued by COPY, then a node with default settings works them
off, and the jobs through the time from its first claim to its last ack are counted. Each round does
that with a queue without limits; with a limit on its concurrency; with a rate besides; and, with
jobs of a thousand keys, without limits, with turns between keys, and with a limit for each key.
None of the limits is ever reached, so all that they cost is the asking. `..._ratio` is what is left
of the rate without limits (of jobs that have keys, where those are limited); medians over the
rounds.

Goals: a limit on concurrency leaves two thirds, and none takes more than half. (That of River Pro
leaves about half, by the report of a user.)
"""

from __future__ import annotations

import argparse

import attrs

from runtime import AsyncClient, NewJob, Rate
from runtime.limits import QueueLimits
from scripts.benches.app import app, noop
from scripts.benches.figures import Figures, Goal, Result, medians
from scripts.benches.site import Site, Space
from scripts.benches.work import enqueue, noops, work_off

KEYS = 1_000
MANY = 1_000_000
GOALS = (
    Goal("concurrency_ratio", ">=", 2 / 3),
    Goal("rate_ratio", ">=", 1 / 2),
    Goal("fair_ratio", ">=", 1 / 2),
    Goal("per_key_ratio", ">=", 1 / 2),
)
_RATE = Rate(MANY, per=1.0, burst=MANY)
# By name: whether its jobs have keys, and its limits.
_WAYS = {
    "plain": (False, QueueLimits()),
    "concurrency": (False, QueueLimits(concurrency=MANY)),
    "rate": (False, QueueLimits(concurrency=MANY, rate=_RATE)),
    "keyed": (True, QueueLimits()),
    "fair": (True, QueueLimits(fair=True)),
    "per_key": (True, QueueLimits(per_key=MANY)),
}


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--jobs", type=int, default=50_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="R")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    rates = medians([_round(site, chosen.jobs) for _ in range(chosen.rounds)])
    figures = {f"{name}_jobs_per_s": rate for name, rate in rates.items()}
    for name, (keyed, limits) in _WAYS.items():
        if limits:
            figures[f"{name}_ratio"] = rates[name] / rates["keyed" if keyed else "plain"]
    return Result(figures, GOALS)


def _round(site: Site, count: int) -> Figures:
    return {name: _rate_of(site, name, count) for name in _WAYS}


def _rate_of(site: Site, name: str, count: int) -> float:
    keyed, limits = _WAYS[name]
    site.progress.phase(f"{name}: {count} jobs")
    with site.space() as space:
        jobs = _keyed(count) if keyed else noops(count)
        _limit(space, limits)
        enqueue(space, jobs)
        return work_off(space, jobs).jobs_per_s


def _keyed(count: int) -> list[NewJob]:
    handlers = [noop.with_options(key=f"key-{number}") for number in range(KEYS)]
    return [handlers[number % KEYS].new_job(number) for number in range(count)]


def _limit(space: Space, limits: QueueLimits) -> None:
    async def limit() -> None:
        async with AsyncClient(app, space.site.url, namespace=space.namespace) as client:
            await client.queues.limit("default", **attrs.asdict(limits, recurse=False))

    space.database.run(limit())
