"""`zombie`: a node is stopped past its lease, its jobs are run elsewhere, and then it goes on.

Two nodes work. In turns one of them gets SIGSTOP, for longer than its lease; the other rescues its
jobs and runs them; then it gets SIGCONT. Its late outcomes must change nothing, and there must have
been some; its children must have been stopped before its jobs began elsewhere.
"""

from __future__ import annotations

import argparse
import re
import signal
import time

from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.kill import until_completed
from scripts.campaigns.site import LEASE_SECONDS, Site

_LATE = re.compile(r"(\d+) outcomes came too late")
_RUN_SECONDS = 3.0  # between two stops


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--jobs", type=int, default=3_000, metavar="N")
    parser.add_argument("--job-ms", type=float, default=50.0, metavar="MS")


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and stop nodes until all is done. Raises CampaignFailed, if no outcome came late."""
    jobs = site.jobs(chosen.jobs, chosen.job_ms / 1000)
    for _ in range(2):
        site.start_node().wait_serving()
    with site.enqueueing(jobs):
        until_completed(site, chosen, lambda: _stop_one(site))
    site.end_nodes()
    if late_outcomes(site) == 0:
        raise CampaignFailed("no outcome came too late: the campaign has shown nothing")


def late_outcomes(site: Site) -> int:
    """How many outcomes the nodes say came too late."""
    return sum(int(number) for log in site.logs() for number in _LATE.findall(log))


def _stop_one(site: Site) -> None:
    node = site.nodes[site.count("stopped") % 2]
    site.note("stopped", frozenset(site.children(node)))
    node.process.send_signal(signal.SIGSTOP)
    time.sleep(LEASE_SECONDS + site.dice.uniform(1.0, 2.0))
    node.process.send_signal(signal.SIGCONT)
    time.sleep(_RUN_SECONDS)
