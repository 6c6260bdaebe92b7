"""`power`: PostgreSQL and the node killed at the same instant, as in a power cut, again and again.

One node works while jobs are enqueued in bulks. When a bulk of its own has just been answered, all
processes of PostgreSQL, of the node and its children get SIGKILL at once. PostgreSQL is started
again (by its guardian, which stands for the machine's init) and recovers from its WAL; then a new
node is started. Nothing that was committed is lost: no enqueue, and no outcome that was seen.

It is not quite a power cut: what processes had written but not forced to the disk lies in the
kernel's page cache, which outlives them. What is lost is what PostgreSQL had not written, which is
what `synchronous_commit` is about; `fsync` would be missed only if the machine lost its power.

With `--synchronous-commit off` the database's commits do not wait for the disk, unless a session
says otherwise, as those of nodes do. Then enqueues of the last moments may be lost though they were
answered, and nothing else: no outcome is undone, and no run number is used twice.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Sequence
from functools import partial

from runtime import Client
from scripts.campaigns.app import app
from scripts.campaigns.history import Enqueue
from scripts.campaigns.outages import Outages, processes
from scripts.campaigns.postgres import outage_options, outages_of
from scripts.campaigns.site import NAMESPACE, Site
from scripts.campaigns.work import disturb, work_options

# Enqueued just before the cut.
_LAST_JOBS = 20


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=50_000, job_ms=1.0)
    outage_options(parser, between=2.0, bound=10.0)


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work, and cut the power again and again, until all is done."""
    outages = outages_of(site, chosen)
    site.start_node().wait_serving()
    disturb(site, chosen, partial(_cut_power, site, chosen, outages))
    outages.tell()


def _cut_power(site: Site, chosen: argparse.Namespace, outages: Outages) -> None:
    time.sleep(chosen.between_seconds * site.dice.uniform(0.5, 1.5))
    if chosen.restarts is not None and site.count("power") >= chosen.restarts:
        return
    (node,) = site.nodes
    family = site.family(node)
    victims = [*processes(site.server), *family]
    with Client(app, site.server.url, namespace=NAMESPACE) as client:
        strike = partial(_enqueue_and_kill, site, chosen, client, victims)
        outages.suffer("power", strike, undoes=True, ends=family)
    site.bury(node)
    site.start_node().wait_serving()
    outages.resume("power")


def _enqueue_and_kill(
    site: Site, chosen: argparse.Namespace, client: Client, victims: Sequence[int]
) -> None:
    jobs = site.jobs(_LAST_JOBS, chosen.job_ms / 1000)
    client.enqueue_many(jobs)
    answered_at = time.monotonic()
    for pid in victims:
        _kill(pid)
    site.asked(Enqueue(job.id, "ok", at=answered_at) for job in jobs)
    site.besides += len(jobs)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it went with the one before
