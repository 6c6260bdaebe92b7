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
from collections.abc import Callable

from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.site import Site

NODES = 2
VICTIMS = {"child": 80, "fork server": 12, "node": 8}  # so many of a hundred
_LOOK_SECONDS = 2.0


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--jobs", type=int, default=100_000, metavar="N")
    parser.add_argument("--job-ms", type=float, default=2.0, metavar="MS")


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and kill until all is done."""
    jobs = site.jobs(chosen.jobs, chosen.job_ms / 1000)
    for _ in range(NODES):
        site.start_node()
    with site.enqueueing(jobs):
        until_completed(site, chosen, lambda: _kill_some(site))


def until_completed(site: Site, chosen: argparse.Namespace, strike: Callable[[], None]) -> None:
    """Strike until all jobs are completed. Raises CampaignFailed when that takes too long."""
    deadline = time.monotonic() + 60 * chosen.minutes
    look_at, done = 0.0, 0
    site.progress.phase(f"{chosen.jobs} jobs")
    while done < chosen.jobs:
        strike()
        if time.monotonic() >= look_at:
            done = site.completed() or done
            look_at = time.monotonic() + _LOOK_SECONDS
            site.progress.show(f"{100 * done // chosen.jobs} %")
        if time.monotonic() > deadline:
            raise CampaignFailed(
                f"{chosen.jobs - done} jobs were not done in {chosen.minutes:g} min"
            )


def _kill_some(site: Site) -> None:
    time.sleep(site.dice.uniform(0.05, 0.2))
    (kind,) = site.dice.choices(list(VICTIMS), list(VICTIMS.values()))
    node = site.dice.choice(site.nodes)
    if kind == "node":
        site.kill_node(node)
        site.start_node()
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
