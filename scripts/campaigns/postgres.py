"""`postgres`: PostgreSQL killed, stopped, frozen and restarted while jobs are enqueued and worked.

Two nodes work while jobs are enqueued in bulks. What is done is drawn from a deck:

postmaster  kill -9 of PostgreSQL's first process
backend     kill -9 of the process of a node's or the client's session, so that all are restarted
terminated  as pg_terminate_backend of such a session, which alone ends
immediate   stopped as by `pg_ctl stop -m immediate`, and started again
fast        stopped as by `pg_ctl stop -m fast`, and started again
loop        five restarts, each as soon as the one before is over
frozen      SIGSTOP of all processes for longer than the nodes' leases, while a job runs that would
            outlast it: it must be stopped, for others may run it afterwards

A bulk whose answer was lost is noted as unknown, and asked for again with the same ids. What was
seen completed stays so. After each fault, work goes on within a bound.

With `--synchronous-commit off` the database's commits do not wait for the disk, unless a session
says otherwise, as those of nodes do: what a crash undoes then may be enqueues, and nothing else.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from functools import partial

import attrs

from runtime import Client
from scripts.campaigns.app import app, rests
from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.history import Enqueue
from scripts.campaigns.outages import Outages, processes
from scripts.campaigns.site import NAMESPACE, Site
from scripts.campaigns.work import disturb, work_options

NODES = 2
DECK = {
    "postmaster": 3,
    "backend": 3,
    "terminated": 3,
    "immediate": 3,
    "fast": 3,
    "loop": 1,
    "frozen": 1,
}
_STOPS = {
    "postmaster": signal.SIGKILL,
    "immediate": signal.SIGQUIT,
    "fast": signal.SIGINT,
}
_LOOP = 5
# What a job that is to outlast a frozen server takes longer.
_LONGER_SECONDS = 5.0
_BEGIN_SECONDS = 30.0
_LOOK_SECONDS = 0.01


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=100_000, job_ms=1.0)
    outage_options(parser, between=1.0, bound=5.0)
    parser.add_argument("--faults", default=",".join(DECK), metavar="KINDS", help="with commas")
    parser.add_argument("--frozen-seconds", type=float, default=10.0, metavar="S")


def outage_options(parser: argparse.ArgumentParser, *, between: float, bound: float) -> None:
    """The flags of a campaign in which the database crashes."""
    parser.add_argument("--between-seconds", type=float, default=between, metavar="S")
    parser.add_argument(
        "--bound-seconds",
        type=float,
        default=bound,
        metavar="S",
        help="after the database's return a job is completed so soon",
    )
    parser.add_argument("--restarts", type=int, metavar="R", help="not more; default: any number")
    parser.add_argument("--synchronous-commit", choices=("on", "off"), default="on")


def outages_of(site: Site, chosen: argparse.Namespace) -> Outages:
    """As the flags want them. To be called before nodes are started."""
    outages = Outages(site, chosen.bound_seconds)
    if chosen.synchronous_commit == "off":
        outages.commit_asynchronously()
    return outages


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work, and do something to PostgreSQL again and again, until all is done."""
    outages = outages_of(site, chosen)
    for node in [site.start_node() for _ in range(NODES)]:
        node.wait_serving()
    disturb(site, chosen, Campaign(site, chosen, outages).strike)
    outages.tell()


@attrs.define
class Campaign:
    """Draws faults, and makes them."""

    site: Site
    chosen: argparse.Namespace
    outages: Outages
    _deck: list[str] = attrs.field(factory=list)
    _restarts: int = 0

    def strike(self) -> None:
        """One fault, and its end."""
        time.sleep(self.chosen.between_seconds * self.site.dice.uniform(0.5, 1.5))
        if self.chosen.restarts is not None and self._restarts >= self.chosen.restarts:
            return
        kind = self._draw()
        match kind:
            case "frozen":
                self._freeze()
            case "backend" | "terminated":
                self._end_session(kind)
            case "loop":
                for _ in range(_LOOP):
                    self._stop(kind, self.site.dice.choice(list(_STOPS.values())))
            case _:
                self._stop(kind, _STOPS[kind])
        self.outages.resume(kind)

    def _draw(self) -> str:
        """Every kind comes once in a while."""
        if not self._deck:
            kinds = self.chosen.faults.split(",")
            self._deck = self.site.dice.sample(kinds, len(kinds), counts=[DECK[k] for k in kinds])
        return self._deck.pop()

    def _stop(self, kind: str, number: int) -> None:
        first = self.site.server.postmaster_pid
        if first is None:
            raise CampaignFailed("PostgreSQL does not say which its first process is")
        undoes = number != signal.SIGINT
        self.outages.suffer(kind, partial(os.kill, first, number), undoes=undoes)
        self._restarts += 1

    def _end_session(self, kind: str) -> None:
        pid = self.site.dice.choice(self.outages.sessions())
        if kind == "terminated":
            self.outages.suffer(kind, partial(os.kill, pid, signal.SIGTERM), severs=False)
            return
        self.outages.suffer(kind, partial(os.kill, pid, signal.SIGKILL), undoes=True)
        self._restarts += 1

    def _freeze(self) -> None:
        """Stop all of PostgreSQL for a while, and let it go on."""
        seconds = self.chosen.frozen_seconds
        self._begin_job_of(seconds + _LONGER_SECONDS)
        self.outages.suffer("frozen", partial(self._hold, seconds), severs=False)
        self._restarts += 1

    def _hold(self, seconds: float) -> None:
        first, *_ = processes(self.site.server)
        os.kill(first, signal.SIGSTOP)
        time.sleep(_LOOK_SECONDS)  # from now on it starts and reaps none
        stopped = processes(self.site.server)
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)

    def _begin_job_of(self, seconds: float) -> None:
        """Have a job begin that rests so long, unless its run is lost. Raises CampaignFailed."""
        trace = self.site.folder / "trace"
        job = rests.with_options(priority=1).new_job(str(trace), seconds)
        with (
            trace.open() as lines,
            Client(app, self.site.server.url, namespace=NAMESPACE) as client,
        ):
            lines.seek(0, os.SEEK_END)
            client.enqueue_many([job])
            self.site.asked([Enqueue(job.id, "ok", at=time.monotonic())])
            self.site.besides += 1
            deadline = time.monotonic() + _BEGIN_SECONDS
            while f"begun {job.id}" not in lines.read():
                if time.monotonic() > deadline:
                    raise CampaignFailed(f"a job did not begin within {_BEGIN_SECONDS:g} s")
                time.sleep(_LOOK_SECONDS)
