"""`postgres`: kill -9 of PostgreSQL, again and again, while jobs are enqueued and worked.

One node works while jobs are enqueued in bulks of 1,000. PostgreSQL's first process is killed after
one to three seconds, R times; its guardian starts it again, and it recovers from its WAL. A bulk
whose answer was lost is noted as unknown, and asked for again with the same ids.
"""

from __future__ import annotations

import argparse
import os
import signal
import time

from scripts.campaigns.kill import until_completed
from scripts.campaigns.site import Site


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--jobs", type=int, default=100_000, metavar="N")
    parser.add_argument("--job-ms", type=float, default=1.0, metavar="MS")
    parser.add_argument("--restarts", type=int, default=100, metavar="R")


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and kill until all is done, and then as often as it was to be."""
    jobs = site.jobs(chosen.jobs, chosen.job_ms / 1000)
    site.start_node()
    with site.enqueueing(jobs):
        until_completed(site, chosen, lambda: _kill_server(site, chosen.restarts))


def _kill_server(site: Site, most: int) -> None:
    time.sleep(site.dice.uniform(1.0, 3.0))
    pid = site.server.postmaster_pid
    if pid is not None and site.count("postgres") < most:
        site.note("postgres", frozenset({pid}))
        os.kill(pid, signal.SIGKILL)
