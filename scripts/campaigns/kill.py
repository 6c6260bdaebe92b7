"""`kill`: SIGKILL of children, fork servers and nodes, every 50 to 200 ms, while jobs are worked.

Two nodes with all their children work N jobs of some milliseconds. Four of five kills are of a
child, the others of a fork server or of a whole node; a killed node is started again at once. It
ends when all jobs are completed. Reported: kills, runs that were repeated, and the time from the
kill of a run's process until its job could run again.
"""

from __future__ import annotations

import argparse
import os
import signal
import time

from scripts.campaigns.site import APP, Site
from scripts.campaigns.work import disturb, work_options

NODES = 2
VICTIMS = {"child": 80, "fork server": 12, "node": 8}  # so many of a hundred


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=100_000, job_ms=2.0)


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and kill until all is done."""
    for _ in range(NODES):
        site.start_node()
    disturb(site, chosen, lambda: kill_some(site))


def kill_some(site: Site, *options: str, app: str = APP) -> None:
    """Wait a little, and kill something. `options`, `app`: of a node that is started instead."""
    time.sleep(site.dice.uniform(0.05, 0.2))
    (kind,) = site.dice.choices(list(VICTIMS), list(VICTIMS.values()))
    node = site.dice.choice(site.nodes)
    if kind == "node":
        site.kill_node(node)
        site.start_node(*options, app=app)
        return
    pids = site.children(node) if kind == "child" else site.fork_servers(node)
    if pids:
        pid = site.dice.choice(sorted(pids))
        family = {pid} if kind == "child" else {pid, *site.children(node)}
        site.note(kind, frozenset(family))
        _kill(pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it was gone already
