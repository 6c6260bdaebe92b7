"""`memory`: what a node and each of its processes hold in memory when idle.

Method. A node with default settings serves, does 1,000 no-op jobs (so that everything is loaded
that work needs), and is left alone for two seconds. Then RSS and PSS of each of its processes are
read from /proc/PID/smaps_rollup. RSS counts a shared page in full for each process, PSS by its
share. Of the children the largest is reported. The database server is not part of it.
"""

from __future__ import annotations

import argparse
import time

from scripts.benches.figures import Figures, Goal, Result
from scripts.benches.node import Node
from scripts.benches.processes import children, memory_mib
from scripts.benches.site import Site
from scripts.benches.work import enqueue, ids_of, noops, wait_done

GOALS = (Goal("rss_node_mib", "<=", 60), Goal("pss_child_mib", "<=", 15))


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--jobs", type=int, default=1000, metavar="N")
    parser.add_argument("--settle", type=float, default=2.0, metavar="SECONDS")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    with site.space() as space, space.serving() as node:
        site.progress.phase(f"{chosen.jobs} jobs first")
        jobs = noops(chosen.jobs)
        enqueue(space, jobs)
        wait_done(space, ids_of(jobs), [node])
        site.progress.phase("left alone")
        time.sleep(chosen.settle)
        return Result(_weigh(node), GOALS)


def _weigh(node: Node) -> Figures:
    (server,) = children(node.pid)
    brood = [memory_mib(pid) for pid in children(server)]
    roles = {"node": memory_mib(node.pid), "forkserver": memory_mib(server)}
    figures: Figures = {}
    for kind in ("rss", "pss"):
        figures |= {f"{kind}_{role}_mib": found[kind] for role, found in roles.items()}
        figures[f"{kind}_child_mib"] = max(found[kind] for found in brood)
    total = sum(found["pss"] for found in [*roles.values(), *brood])
    return {**figures, "pss_total_mib": total, "children": float(len(brood))}
