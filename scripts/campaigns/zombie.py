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
from scripts.campaigns.site import LEASE_SECONDS, Site
from scripts.campaigns.work import disturb, work_options

_LATE = re.compile(r"(\d+) outcomes came too late")
_RUN_SECONDS = 3.0  # between two stops


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=3_000, job_ms=50.0)


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and stop nodes until all is done. Raises CampaignFailed, if no outcome came late."""
    for _ in range(2):
        site.start_node().wait_serving()
    disturb(site, chosen, lambda: _stop_one(site))
    site.end_nodes()
    site.found["late_outcomes"] = late_outcomes(site)
    if not site.found["late_outcomes"]:
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
