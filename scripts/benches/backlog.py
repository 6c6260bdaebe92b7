"""`backlog`: what a claim costs, and how fast the work goes, with many jobs waiting.

Method. A namespace is filled (COPY) to 1,000, 10,000, 100,000 ... waiting no-op jobs, up to
--most. At each level:
- claim_us: the time of the Store's claims of 100 jobs, from a bare loop of claim and ack in one
  connection, through the number of jobs; 10,000 jobs in all, never more than half of the level
  before it is filled up again, so that the level is what it says.
- loop_jobs_per_s: the rate of that loop, claims and acks.
- node_jobs_per_s, from 100,000 on, where a node does not come to the end meanwhile: what a node
  with default settings completes in 2 s, half a second after it began to serve. All of it twice,
  in fresh namespaces: never_analysed, in which the planner knows nothing of the table, and
  analysed, with an ANALYZE at each level. Autovacuum is off for the table in both, since it would
  analyse. The ratios are the worst level through the best.

Goal: flat within 20 %, so each ratio at least 0.8.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import attrs

from runtime import sql
from scripts.benches.app import noop
from scripts.benches.bare import Bare
from scripts.benches.figures import Figures, Goal, Result
from scripts.benches.site import Site, Space
from scripts.benches.work import enqueue

LOWEST = 1_000
FACTOR = 10
BATCH = 100
NODE_LEVEL = 100_000
NODE_WARM_SECONDS = 0.5
NODE_SECONDS = 2.0
FLAT = 0.8
KNOWLEDGE = ("never_analysed", "analysed")


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--most", type=int, default=1_000_000, metavar="N", help="jobs waiting")
    parser.add_argument("--jobs", type=int, default=10_000, metavar="N", help="at each level")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    figures: Figures = {}
    goals: list[Goal] = []
    for name in KNOWLEDGE:
        with site.space() as space:
            space.database.execute(sql.load("bench_never_analyze"))
            levels = Levels(space, chosen.jobs, analysed=name == "analysed")
            found = {level: levels.measure(level) for level in _levels(chosen.most)}
        for level, each in found.items():
            figures |= {f"{name}_{level}_{figure}": value for figure, value in each.items()}
        ratios = {f"{name}_{figure}": value for figure, value in _ratios(found).items()}
        figures |= ratios
        goals += [Goal(figure, ">=", FLAT) for figure in ratios]
    return Result(figures, goals)


def _levels(most: int) -> Iterator[int]:
    level = LOWEST
    while level < most:
        yield level
        level *= FACTOR
    yield most


def _ratios(found: dict[int, Figures]) -> Figures:
    """The lowest value through the highest of each figure that more than one level has."""
    ratios: Figures = {}
    for figure in ("claim_us", "loop_jobs_per_s", "node_jobs_per_s"):
        values = [each[figure] for each in found.values() if figure in each]
        if len(values) > 1:
            ratios[f"{figure.partition('_')[0]}_ratio"] = min(values) / max(values)
    return ratios


@attrs.frozen
class Levels:
    """A namespace that is filled up level by level."""

    space: Space
    jobs: int
    analysed: bool

    def measure(self, level: int) -> Figures:
        """The figures at this level."""
        self._phase(level, "filling")
        self._fill(level)
        if self.analysed:
            self.space.database.execute(sql.load("bench_analyze"))
        self.space.settle()
        self._phase(level, "claims")
        figures = self._loop(level)
        if level >= NODE_LEVEL:
            self._phase(level, "a node")
            figures["node_jobs_per_s"] = self._serve()
        return figures

    def _phase(self, level: int, what: str) -> None:
        known = "analysed" if self.analysed else "never analysed"
        self.space.site.progress.phase(f"{level} jobs waiting, {known}: {what}")

    def _fill(self, level: int) -> None:
        """Have so many jobs wait."""
        row = self.space.database.row("span")
        missing = level - (row["jobs"] - row["completed"])
        if missing > 0:
            enqueue(self.space, (noop.new_job(number) for number in range(missing)))

    def _loop(self, level: int) -> Figures:
        bare = Bare(self.space, BATCH, 0)
        seconds = 0.0
        while bare.jobs < self.jobs:
            self._fill(level)
            bare.limit = bare.jobs + min(level // 2, self.jobs)
            seconds += bare.loop(1)
        claim_us = 1e6 * bare.claim_seconds / bare.jobs
        return {"claim_us": claim_us, "loop_jobs_per_s": bare.jobs / seconds}

    def _serve(self) -> float:
        """What a node completes in a second."""
        with self.space.serving():
            time.sleep(NODE_WARM_SECONDS)
            began = self.space.now()
            time.sleep(NODE_SECONDS)
            ended = self.space.now()
        done = self.space.database.row("between", began, ended)["completed"]
        return float(done) / (ended - began)
