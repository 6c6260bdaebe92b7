"""`limits`: the kills of `kill`, while queues have limits over all nodes, and jobs sequences.

Two nodes work the same kind of jobs in three queues: `bounded` (so many at once, and one of each
key), `rated` (so many a second) and `ordered` (sequences). Besides what every campaign looks for:

over_limit  more runs of a queue, or of a key, went on at once than may, or more began in a second.
            A run whose process was killed is counted up to the kill.
order       a run of a sequence's job began before the one in front of it had ended for good
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import count, pairwise
from uuid import UUID

import attrs

from runtime import Client, Rate
from runtime.job import NewJob
from scripts.campaigns import reading
from scripts.campaigns.app import app, traced
from scripts.campaigns.history import Fault, Run
from scripts.campaigns.kill import NODES, kill_some
from scripts.campaigns.site import NAMESPACE, Site
from scripts.campaigns.work import disturb, work_options

BOUNDED, RATED, ORDERED = "bounded", "rated", "ordered"
CONCURRENCY = 3
PER_KEY = 1
RATE = Rate(400, per=1.0, burst=20)
KEYS = 5
SEQUENCES = 40
_OPTIONS = ("--queues", f"{BOUNDED},{RATED},{ORDERED}", "--workers", "3")


@attrs.frozen
class Asked:
    """What one of our jobs is of. `number`: its place in the order of enqueues."""

    queue: str
    key: str
    number: int


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=20_000, job_ms=2.0)


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and kill until all is done; then look at the runs."""
    asked: dict[UUID, Asked] = {}
    numbers = count()

    def make(wanted: int) -> list[NewJob]:
        path, seconds = str(site.folder / "trace"), chosen.job_ms / 1000
        jobs = []
        for number in (next(numbers) for _ in range(wanted)):
            queue = (BOUNDED, RATED, ORDERED)[number % 3]
            key = f"{queue}-{number // 3 % (SEQUENCES if queue == ORDERED else KEYS)}"
            handler = traced.with_options(queue=queue, key=key, sequence=queue == ORDERED)
            job = handler.new_job(path, seconds)
            asked[job.id] = Asked(queue, key, number)
            jobs.append(job)
        return jobs

    with Client(app, site.server.url, namespace=NAMESPACE) as client:
        client.queues.limit(BOUNDED, concurrency=CONCURRENCY, per_key=PER_KEY)
        client.queues.limit(RATED, rate=RATE)
    for _ in range(NODES):
        site.start_node(*_OPTIONS)
    disturb(site, chosen, lambda: kill_some(site, *_OPTIONS), make=make)
    _look(site, asked)


def _look(site: Site, asked: dict[UUID, Asked]) -> None:
    history = site.history()
    begun = reading.begun(site.server.url, NAMESPACE, RATED)
    for text in [
        *over_limit(history.runs, history.faults, asked),
        *over_rate(begun, RATE),
    ]:
        site.violated("over_limit", text)
    for text in out_of_order(history.runs, asked):
        site.violated("order", text)
    site.found["limited_runs"] = sum(asked[run.job].queue != ORDERED for run in history.runs)
    site.found["sequence_runs"] = sum(asked[run.job].queue == ORDERED for run in history.runs)


def over_limit(runs: Iterable[Run], faults: Sequence[Fault], asked: dict[UUID, Asked]) -> list[str]:
    """What went on at once in the bounded queue, and in each of its keys, that may not."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for run in runs:
        its = asked[run.job]
        if its.queue == BOUNDED:
            span = (run.begun, _end(run, faults))
            spans[BOUNDED].append(span)
            spans[its.key].append(span)
    found = []
    for name, each in spans.items():
        most = CONCURRENCY if name == BOUNDED else PER_KEY
        at_once = most_at_once(each)
        if at_once > most:
            found.append(f"{at_once} runs of {name} went on at once; {most} may")
    return found


def _end(run: Run, faults: Sequence[Fault]) -> float:
    """When it ended, or was still going on."""
    if run.ended is not None:
        return run.ended
    deaths = (each.at for each in faults if run.pid in each.pids and each.at >= run.begun)
    return min(deaths, default=run.begun)


def most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """The most of these that overlap; those that touch do not."""
    changes = sorted((at, step) for span in spans for at, step in zip(span, (1, -1), strict=True))
    most = now = 0
    for _, step in changes:
        now += step
        most = max(most, now)
    return most


def over_rate(begun: Sequence[float], rate: Rate) -> list[str]:
    """Whether more began within a period than may."""
    most = rate.count + rate.burst - 1
    times = sorted(begun)
    for first, last in zip(times, times[most:], strict=False):
        if last - first < rate.per - 1e-6:  # the clock's own grain
            return [f"{most + 1} jobs began within {last - first:g} s; {most} may in {rate.per:g}"]
    return []


def out_of_order(runs: Iterable[Run], asked: dict[UUID, Asked]) -> list[str]:
    """Jobs of a sequence that did not wait for the one in front."""
    first: dict[UUID, float] = {}
    last: dict[UUID, float] = {}
    for run in runs:
        if asked[run.job].queue == ORDERED:
            first[run.job] = min(run.begun, first.get(run.job, run.begun))
            end = run.begun if run.ended is None else run.ended
            last[run.job] = max(end, last.get(run.job, end))
    keys: dict[str, list[UUID]] = defaultdict(list)
    for job in first:
        keys[asked[job].key].append(job)
    return [
        f"job {later} of {key} began before {earlier}, which is in front of it, had ended"
        for key, jobs in keys.items()
        for earlier, later in pairwise(sorted(jobs, key=lambda job: asked[job].number))
        if last[earlier] > first[later]
    ]
