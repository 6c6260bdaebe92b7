"""`pooler`: PgBouncer in transaction mode between everybody and PostgreSQL, killed with the nodes.

Two nodes (`--pooler --poll-only`) and the client reach the database through PgBouncer alone, which
has fewer connections than they. Every half second to two seconds it is killed or restarted, and now
and then stays away for up to a second, or a node is killed and started again. It needs PgBouncer:
HEADRACE_PGBOUNCER names it, or it is found on PATH.
"""

from __future__ import annotations

import argparse
import time

from scripts.campaigns.bouncer import PgBouncer, pooling
from scripts.campaigns.site import Site
from scripts.campaigns.work import disturb, work_options

NODES = 2
VICTIMS = {"pgbouncer killed": 40, "pgbouncer restarted": 40, "node": 20}  # so many of a hundred
AWAY_SECONDS = 1.0  # at most; a lease has three
# The poll of a node behind a pooler, in seconds: the default is for one that LISTENs.
_POOLED = ("--pooler", "--poll-only", "--poll-seconds", "1")


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=20_000, job_ms=2.0)


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and strike until all is done. Raises CampaignFailed, if PgBouncer is not here."""
    with pooling(site.server.url) as bouncer:
        try:
            url = bouncer.through(site.server.url)
            for node in [site.start_node(*_POOLED, url=url) for _ in range(NODES)]:
                node.wait_serving()
            disturb(site, chosen, lambda: _strike(site, bouncer), url=url, pooler=True)
        finally:
            site.end_nodes()  # while there is a PgBouncer: they write their last outcomes


def _strike(site: Site, bouncer: PgBouncer) -> None:
    time.sleep(site.dice.uniform(0.5, 2.0))
    (kind,) = site.dice.choices(list(VICTIMS), list(VICTIMS.values()))
    if kind == "node":
        site.kill_node(site.dice.choice(site.nodes))
        node = site.start_node(*_POOLED, url=bouncer.through(site.server.url))
        node.wait_serving()  # one that finds no database when it starts ends at once
        return
    site.note(kind, frozenset({bouncer.pid}))
    if kind == "pgbouncer killed":
        bouncer.kill()
    else:
        bouncer.stop()
    time.sleep(site.dice.choice([0.0, 0.0, site.dice.uniform(0.0, AWAY_SECONDS)]))
    bouncer.start()
