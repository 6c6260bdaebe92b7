"""`steady`: enqueuing and working at once, and what each process spends on a job.

Method. A node with default settings serves while another process enqueues no-op jobs as fast as it
can: first in bulks of 100 by one connection, then one by one from 16 connections. Of bulks, never
more than 20,000 jobs are ahead of the work, so that it is the same work at the end as at the
beginning. After a second, 30 s are measured: how many jobs were enqueued and how many completed, by
the database's clock, and the CPU time of the node, the fork server, the children, the client and
PostgreSQL (if it runs on this machine) through the number of completed jobs.
"""

from __future__ import annotations

import argparse
import time

from scripts.benches.feeder import Feed, feeding
from scripts.benches.figures import Figures, Result
from scripts.benches.processes import family_seconds
from scripts.benches.site import Site

WARM_SECONDS = 1.0
SINGLE_CONNECTIONS = 16


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="of each half")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    bulks = _measure(site, "bulks", 1, chosen.seconds)
    return Result(bulks | _measure(site, "singles", SINGLE_CONNECTIONS, chosen.seconds))


def _measure(site: Site, way: str, connections: int, seconds: float) -> Figures:
    site.progress.phase(f"{way} from {connections} connections, and the work")
    with site.space() as space, space.serving() as node:
        feed = Feed(site.url, space.namespace, way, connections)
        with feeding(feed) as feeder:
            time.sleep(WARM_SECONDS)
            before, fed, began = space.used(node), family_seconds(feeder.pid), space.now()
            time.sleep(seconds)
            ended = space.now()
            spent = space.used(node).since(before)
            spent["client"] = family_seconds(feeder.pid) - fed
            feeder.stop()
        done = space.database.row("between", began, ended)
    figures = {
        f"{way}_enqueued_per_s": done["enqueued"] / (ended - began),
        f"{way}_worked_per_s": done["completed"] / (ended - began),
    }
    jobs = max(1, done["completed"])
    return figures | {f"{way}_{role}_cpu_us": 1e6 * cpu / jobs for role, cpu in spent.items()}
