"""`network`: connections that are reset, delayed, half-open, silent; partitions; at chosen moments.

Two nodes and a producer reach PostgreSQL by routes of ours (see scripts/campaigns/proxy.py). Again
and again one of them is struck: its connections, or one of them, are reset; each piece of bytes is
delayed by 10 to 500 ms; bytes of one direction are taken and lost; or all is silent, and what was
held back may arrive later, from people long gone. Six of ten strikes wait for a moment: a claim, a
heartbeat, a LISTEN, an ack, an enqueue, a COMMIT; half of them before it reaches the server, half
when its answer is on the way. And a node is cut off for longer than its lease: by its route
(`partition`), or, where the user may have a network namespace, by the kernel (`cut`; the figure
`network_namespace` says whether there was one).

Besides what the checker holds, these are violations:
handlers  a child of a node that was cut off lives when the node's lease is over
recovery  a party is not served within 15 s after its network has healed (35 s, where the path has
          forgotten connections without a word, so that only the patience of a statement helps); or
          a job of a node that was cut off waits longer than its lease, a leader's term and 3 s
Reported: faults by kind and moment, the time from healing until a node has claimed and written
outcomes again, or found nothing to be done (a producer: until it was confirmed), late outcomes.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.embedded.guardian.plan import PORT
from runtime.job import NewJob
from scripts.benches.node import Node
from scripts.campaigns.apart import open_apart
from scripts.campaigns.app import rests
from scripts.campaigns.producer import Producer
from scripts.campaigns.proxy import Network, open_network
from scripts.campaigns.rescues import slow_rescues
from scripts.campaigns.site import LEASE_SECONDS, Site
from scripts.campaigns.storm import LONG, WEIGHTS
from scripts.campaigns.strikes import Party, Strikes
from scripts.campaigns.work import Work, wait_finished, work_options
from scripts.campaigns.zombie import late_outcomes

NODES = 2
# Of a leader: if it is the one that is cut off, another one rescues after this, and not before.
TERM_SECONDS = 3
RESCUE_SECONDS = LEASE_SECONDS + TERM_SECONDS + 3.0
# One job of so many outlasts a lease, so that there is something to be stopped. It burns no CPU.
_LONG_EACH = 1_000


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=10_000, job_ms=5.0)
    parser.add_argument(
        "--long-ms", type=float, default=5_000.0, metavar="MS", help=f"of one of {_LONG_EACH}"
    )
    parser.add_argument(
        "--only", nargs="+", choices=list(WEIGHTS), default=list(WEIGHTS), metavar="KIND"
    )


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and strike until all is done."""
    with _parties(site) as (network, parties):
        work = Work(site, chosen, site.server.url, False, _Maker(site, chosen))
        producer = Producer(site, _url(parties[-1].route.port), _Maker(site, chosen))
        strikes = Strikes(site, network, parties, [what for what in WEIGHTS if what in chosen.only])
        site.progress.phase(f"{chosen.minutes:g} min" if chosen.minutes else f"{chosen.jobs} jobs")
        with work.going_on():
            with producer.going_on():
                while not _is_over(work, chosen):
                    strikes.strike()
                    work.look()
            work.wait_completed()
            wait_finished(site)
    site.found |= strikes.figures()
    site.found["late_outcomes"] = late_outcomes(site)
    site.broken += slow_rescues(site.history(), LONG, RESCUE_SECONDS)


def _is_over(work: Work, chosen: argparse.Namespace) -> bool:
    """Of so many jobs, those of the producer count too: it goes on until the last strike."""
    return work.is_over or (not chosen.minutes and work.completed >= chosen.jobs)


@contextmanager
def _parties(site: Site) -> Iterator[tuple[Network, list[Party]]]:
    """The nodes, the last of them apart if it may be, and the producer."""
    target = site.server.socket_dir / f".s.PGSQL.{PORT}"
    path = site.folder / "route"
    with (
        open_network(target, random.Random(site.dice.random())) as network,
        open_apart(path) as apart,
    ):
        parties = [Party(network.add()) for _ in range(NODES - 1)]
        parties.append(Party(network.add(path if apart else None), apart=apart))
        for party in parties:
            party.node = _start_node(site, party)
        for node in site.nodes:
            node.wait_serving()
        try:
            yield network, [*parties, Party(network.add())]
        finally:
            site.end_nodes()  # while they can reach the database


def _start_node(site: Site, party: Party) -> Node:
    term = ("--term-seconds", str(TERM_SECONDS))
    if party.apart is None:
        return site.start_node(*term, url=_url(party.route.port))
    return site.start_node(*term, url=_url(party.apart.port), before=party.apart.before)


def _url(port: int) -> str:
    return f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"


class _Maker:
    """Makes jobs; to be used from one thread."""

    def __init__(self, site: Site, chosen: argparse.Namespace) -> None:
        self._site = site
        self._seconds = chosen.job_ms / 1000
        self._long_seconds = chosen.long_ms / 1000
        self._dice = random.Random(site.dice.random())

    def __call__(self, count: int) -> list[NewJob]:
        trace = str(self._site.folder / "trace")
        return [
            job if self._dice.randrange(_LONG_EACH) else rests.new_job(trace, self._long_seconds)
            for job in self._site.jobs(count, self._seconds)
        ]
