"""`scale`: how the rates grow with nodes and with children.

Method. The nodes serve already; then all jobs are enqueued in one transaction, whose commit wakes
them. From then until the last ack, by the database's clock.
- nodes_1 ... nodes_4: no-op jobs, nodes with default settings on one database;
- workers_1 ... workers_8: no-op jobs, one node with so many children;
- naps_workers_1 ... naps_workers_8: jobs that sleep for 5 ms, so that cores are not what limits.
Nodes, children and PostgreSQL share this machine's cores: no-op jobs cannot grow beyond them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack

from runtime import NewJob
from scripts.benches.app import nap
from scripts.benches.figures import Figures, Result
from scripts.benches.node import Node
from scripts.benches.site import Site, Space
from scripts.benches.work import noops, serve_now

NODES = (1, 2, 3, 4)
WORKERS = (1, 2, 4, 8)
NAP_SECONDS = 0.005
NAPS_A_NOOP = 0.04  # naps take longer


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--jobs", type=int, default=50_000, metavar="N")
    parser.add_argument("--nodes", type=int, nargs="+", default=NODES, metavar="N")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, metavar="N")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    figures: Figures = {}
    for count in chosen.nodes:
        site.progress.phase(f"{count} nodes")
        figures[f"nodes_{count}_jobs_per_s"] = _nodes(site, count, chosen.jobs)
    for count in chosen.workers:
        site.progress.phase(f"{count} workers")
        figures |= _workers(site, count, chosen.jobs)
    return Result(dict(sorted(figures.items())))


def _nodes(site: Site, count: int, jobs: int) -> float:
    with ExitStack() as stack:
        space = stack.enter_context(site.space())
        serving = [stack.enter_context(space.serving()) for _ in range(count)]
        return _rate(space, noops(jobs), serving)


def _workers(site: Site, count: int, jobs: int) -> Figures:
    naps = [nap.new_job(NAP_SECONDS) for _ in range(max(1, int(NAPS_A_NOOP * jobs)))]
    with site.space() as space, space.serving("--workers", str(count)) as node:
        return {
            f"workers_{count}_jobs_per_s": _rate(space, noops(jobs), [node]),
            f"naps_workers_{count}_jobs_per_s": _rate(space, naps, [node]),
        }


def _rate(space: Space, jobs: Sequence[NewJob], nodes: Sequence[Node]) -> float:
    return len(jobs) / serve_now(space, jobs, nodes).wall_seconds
