"""`postgres`: kill -9 of PostgreSQL, again and again, while jobs are enqueued and worked.

One node works while jobs are enqueued in bulks. PostgreSQL's first process is killed after
one to three seconds, R times; its guardian starts it again, and it recovers from its WAL. A bulk
whose answer was lost is noted as unknown, and asked for again with the same ids.
"""

from __future__ import annotations

import argparse
import os
import signal
import time

from scripts.campaigns.site import Site
from scripts.campaigns.work import disturb, work_options


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=100_000, job_ms=1.0)
    parser.add_argument("--restarts", type=int, default=100, metavar="R")


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and kill until all is done, and then as often as it was to be."""
    site.start_node()
    disturb(site, chosen, lambda: _kill_server(site, chosen.restarts))


def _kill_server(site: Site, most: int) -> None:
    time.sleep(site.dice.uniform(1.0, 3.0))
    pid = site.server.postmaster_pid
    if pid is not None and site.count("postgres") < most:
        site.note("postgres", frozenset({pid}))
        os.kill(pid, signal.SIGKILL)
