"""`deploy`: nodes of two versions of an app, replaced one by one while they work.

The second version has a kind that the first has not; jobs of all kinds are enqueued all the while.
Again and again a node of the next version is started, and once it serves, the oldest one gets
SIGTERM. Some jobs last longer than its drain: they are told to stop, a part of them does not listen
and is killed, and all go back uncounted. Versions come and go so that each is always served.

Leases are long here, so that a job which waited for one would show. A trigger of the campaign's own
notes the time when a job goes back; reported is how long it took until it ran again. Violations
are: a wait that is not far below the lease; a job that was rescued; any failure; a drain that takes
too long or does not end with status 0.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

import attrs

from runtime import Client
from runtime.job import NewJob
from scripts.benches.node import Node
from scripts.campaigns import reading, versions
from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.figures import shares
from scripts.campaigns.history import Enqueue, HandBack, History, Run
from scripts.campaigns.site import NAMESPACE, Site
from scripts.campaigns.work import Make, disturb, work_options

LEASE_SECONDS = 30.0
# What goes back keeps its place at the head of the queue, so it runs within milliseconds where a
# place is free; on a machine with two cores the start of a node takes seconds from all others.
MOST_WAIT_SECONDS = LEASE_SECONDS / 3
GRACE_SECONDS = 1.0
# What may come after the drain's time and the grace: kill, flush, and a busy machine.
END_SECONDS = 10.0
# One job of so many is of the new kind: less than the share of nodes that serve it.
ADDED = 4
# The priority of the others: long jobs are not to wait behind thousands of them for the next drain.
BEHIND = 2
# Long jobs a deploy: about one a node, so that the one that is drained has some, and most do not.
LONG_JOBS = 4
# Until a new node has its hands as full as the others; before, it would take all of the long jobs.
SETTLE_SECONDS = 0.5
# Lots of long jobs to be enqueued at most until the node that is to be drained has one.
MOST_LOTS = 10
LOOK_SECONDS = 0.05
_RESCUED = re.compile(r"rescued (\d+) jobs")


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=10_000, job_ms=5.0)
    parser.add_argument("--nodes", type=int, default=3, metavar="N", help="2 or more")
    parser.add_argument("--drain-seconds", type=float, default=1.5, metavar="S")
    parser.add_argument("--long-seconds", type=float, default=4.0, metavar="S", help="of long jobs")


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and deploy until all is done. Raises CampaignFailed, if nothing was handed back."""
    reading.watch_hand_backs(site.server.url, NAMESPACE)
    with Client(versions.two, site.server.url, namespace=NAMESPACE) as client:
        deploys = Deploys(site, chosen, client)
        for node in [deploys.start() for _ in range(chosen.nodes)]:
            node.wait_serving()
        disturb(site, chosen, deploys.replace_one, make=_mixed(site, chosen))
    site.end_nodes()
    judge(site, deploys)


@attrs.define
class Deploys:
    """Replaces nodes. Attributes: drains, how many seconds each has taken."""

    site: Site
    chosen: argparse.Namespace
    client: Client
    drains: list[float] = attrs.field(factory=list)
    _started: int = 0

    def start(self) -> Node:
        """A node of the next version: of N nodes in a row, never all are of the same."""
        version = self._started // max(1, self.chosen.nodes - 1) % len(versions.PATHS)
        self._started += 1
        return self.site.start_node(
            *("--lease-seconds", f"{LEASE_SECONDS:g}", "--heartbeat-seconds", "5"),
            *("--drain-seconds", f"{self.chosen.drain_seconds:g}"),
            *("--kill-grace-seconds", f"{GRACE_SECONDS:g}"),
            app=versions.PATHS[version],
        )

    def replace_one(self) -> None:
        """Start a new node; then drain the oldest, while it runs a long job."""
        self.start().wait_serving()
        time.sleep(SETTLE_SECONDS)
        self._give_long(self.site.nodes[0])
        began = time.monotonic()
        limit = self.chosen.drain_seconds + GRACE_SECONDS + END_SECONDS
        status = self.site.drain_node(self.site.nodes[0], limit)
        self.drains.append(time.monotonic() - began)
        if status is None:
            self.site.violated("drain", f"a node did not end within {limit:g} s")
        elif status != 0:
            self.site.violated("drain", f"a drained node ended with status {status}")

    def _give_long(self, node: Node) -> None:
        """Enqueue long jobs until the node has one: others may take them all."""
        for _ in range(MOST_LOTS):
            self._enqueue_long()
            until = time.monotonic() + self.chosen.long_seconds
            while time.monotonic() < until:
                if node.pid in reading.long_runs(self.site.server.url, NAMESPACE):
                    time.sleep(self.site.dice.uniform(0.0, 0.5))
                    return
                time.sleep(LOOK_SECONDS)
        raise CampaignFailed(f"no long job came to the oldest node in {MOST_LOTS} lots")

    def _enqueue_long(self) -> None:
        handler = versions.two.handlers["lasting"]
        path, seconds = str(self.site.folder / "trace"), self.chosen.long_seconds
        deaf = self.site.dice.randrange(LONG_JOBS)
        jobs = [
            handler.new_job(path=path, seconds=seconds, deaf=number == deaf)
            for number in range(LONG_JOBS)
        ]
        self.client.enqueue_many(jobs)
        self.site.besides += LONG_JOBS
        self.site.asked(Enqueue(job.id, "ok") for job in jobs)


def _mixed(site: Site, chosen: argparse.Namespace) -> Make:
    path, seconds = str(site.folder / "trace"), chosen.job_ms / 1000
    handlers = {
        kind: versions.two.handlers[kind].with_options(priority=BEHIND)
        for kind in ("traced", "added")
    }

    def make(count: int) -> list[NewJob]:
        kinds = ["traced" if number % ADDED else "added" for number in range(count)]
        return [handlers[kind].new_job(path=path, seconds=seconds) for kind in kinds]

    return make


def judge(site: Site, deploys: Deploys) -> None:
    """Report what went back, and what must not have been. Raises CampaignFailed."""
    history = site.history()
    backs = reading.hand_backs(site.server.url, NAMESPACE)
    if not backs:
        raise CampaignFailed("no job was handed back: the campaign has shown nothing")
    waits = again(backs, history.runs)
    site.found |= _figures(history, waits) | {"drain_max_s": max(deploys.drains, default=0.0)}
    for job, seconds in waits:
        if seconds > MOST_WAIT_SECONDS:
            text = f"job {job} ran again {seconds:.1f} s after it was handed back"
            site.violated("waited", text)
    if site.found["failures"]:
        site.violated("failures", f"deploys have cost {site.found['failures']:g} failures")
    rescued = sum(int(number) for log in site.logs() for number in _RESCUED.findall(log))
    if rescued:
        site.violated("rescued", f"{rescued} jobs waited for a lease to run out")


def again(backs: Iterable[HandBack], runs: Iterable[Run]) -> list[tuple[UUID, float]]:
    """For each job that went back: how long until its next run began."""
    begun: dict[UUID, list[tuple[int, float]]] = defaultdict(list)
    for run in runs:
        begun[run.job].append((run.number, run.begun))
    found = []
    for back in backs:
        later = [at for number, at in begun[back.job] if number > back.run_number]
        if later:
            found.append((back.job, min(later) - back.at))
    return found


def _figures(history: History, waits: list[tuple[UUID, float]]) -> dict[str, float]:
    seconds = [each for _, each in waits]
    return {
        "handed_back": len(waits),
        "stopped_runs": sum(run.ended is None for run in history.runs),
        "failures": sum(len(row.failures) for row in history.rows),
        **shares("again", seconds),
        "again_max_s": max(seconds, default=0.0),
    }
