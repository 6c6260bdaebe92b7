"""`idle`: what a node costs that has nothing to do.

Method. A node with default settings serves and is left alone; 15 s later (sessions tell of
their transactions up to 10 s late), 60 s are measured.
`cpu_percent`: CPU time of the node, its fork server and its children, in per cent of one core.
`queries_per_s`: transactions that ended in the database, from pg_stat_database, less the bench's
own; the node's statements are a transaction each. Autovacuum's and other users' transactions there
count as well, so this is an upper bound. `node_wakeups_per_s`: how often a thread of the node's own
process was woken; a question to the database wakes two, twice. `postgres_cpu_percent` is all of the
server, also its own housekeeping, if it runs on this machine.
"""

from __future__ import annotations

import argparse
import time

from scripts.benches.figures import Goal, Result
from scripts.benches.processes import wakeups
from scripts.benches.site import Site

GOALS = (Goal("cpu_percent", "<=", 0.2), Goal("queries_per_s", "<=", 3.0))
OURS = 2  # the first of our two questions, and the clock; the last is not counted yet


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S")
    parser.add_argument("--settle", type=float, default=15.0, metavar="SECONDS")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    with site.space() as space, space.serving() as node:
        site.progress.phase("settling")
        time.sleep(chosen.settle)
        site.progress.phase(f"idle for {chosen.seconds:g} s")
        asked, before, began = space.database.value("transactions"), space.used(node), space.now()
        woken = wakeups(node.pid)
        time.sleep(chosen.seconds)
        ended, after = space.now(), space.used(node)
        woken = wakeups(node.pid) - woken
        queries = space.database.value("transactions") - asked - OURS
    seconds = ended - began
    spent = {role: 100 * cpu / seconds for role, cpu in after.since(before).items()}
    ours = sum(percent for role, percent in spent.items() if role != "postgres")
    figures = {"cpu_percent": ours, "queries_per_s": max(0.0, queries / seconds)}
    figures["node_wakeups_per_s"] = woken / seconds
    return Result(figures | {f"{role}_cpu_percent": cpu for role, cpu in spent.items()}, GOALS)
