"""`clock`: nodes whose clocks are an hour ahead and an hour behind, that jump, and are killed.

Two nodes work, the one's clock an hour ahead, the other's an hour behind (which of a process's
clocks, says scripts/campaigns/wrong_clock.py). Half of the strikes put one of them wrong in another
way, by up to two hours; the others kill a node, which is replaced by one with the same clock, or
freeze it for longer than its lease, while its clock is put elsewhere. Every fifth job is scheduled
for later, by a delay or by a time. PostgreSQL, the producer and the campaign itself have the
machine's own clock.

Besides what the checker holds, these are violations:
early     a scheduled job began before its time
late      one began more than 15 s after it: an hour would be a clock's fault
leases    a node that was not frozen lost its lease
recovery  a job of a node that was killed or frozen was given up later than after its lease, a
          leader's term and 3 s
It has shown nothing, and fails, unless handlers were seen an hour ahead and an hour behind, and the
nodes' logs are stamped so.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import msgspec

from runtime.job import NewJob
from scripts.benches.node import Node
from scripts.campaigns import reading
from scripts.campaigns.clock_app import SEEN
from scripts.campaigns.clocks import WrongClock
from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.figures import shares
from scripts.campaigns.history import Fault, Run
from scripts.campaigns.punctuality import delays, farthest, log_shift
from scripts.campaigns.rescues import slow_rescues
from scripts.campaigns.site import LEASE_SECONDS, Site
from scripts.campaigns.work import disturb, work_options
from scripts.campaigns.zombie import late_outcomes

HOUR = 3600.0
TERM_SECONDS = 3
# Until a job of a node that is gone is given up, besides the lease and a leader's term.
RESCUE_SECONDS = 3.0
# A delay counts from when the database reads it, after we asked; a time is of our own clock.
EARLY_SECONDS = 0.02
LATE_SECONDS = 15.0
STRIKES = {"jump": 50, "node": 25, "frozen": 25}  # so many of a hundred
APP = "scripts.campaigns.clock_app:app"

_PAUSE_SECONDS = (0.3, 1.0)  # between two strikes
_SOONEST_SECONDS = 0.2
_SCHEDULED_EACH = 5
# A clock that jumps again and again was an hour off, give or take what a handler takes.
_SURE_SECONDS = HOUR - 60.0
_LOST = re.compile(r"node (\d+) lost its lease")


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=20_000, job_ms=5.0)
    parser.add_argument("--lease-seconds", type=float, default=LEASE_SECONDS, metavar="S")
    parser.add_argument("--delay-seconds", type=float, default=5.0, metavar="S", help="at most")
    parser.add_argument(
        "--only", nargs="+", choices=list(STRIKES), default=list(STRIKES), metavar="KIND"
    )


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and strike until all is done. Raises CampaignFailed, if no clock was seen wrong."""
    clocks = [
        WrongClock(site.folder / "ahead", HOUR),
        WrongClock(site.folder / "behind", -HOUR),
    ]
    campaign = Campaign(site, chosen.only, chosen.lease_seconds, clocks)
    disturb(site, chosen, campaign.strike, make=campaign.maker(chosen))
    site.end_nodes()
    campaign.judge()


@attrs.define
class Campaign:
    """Attributes: clocks, one a node; due, when scheduled jobs may begin, at the earliest."""

    site: Site
    only: list[str]
    lease_seconds: float
    clocks: list[WrongClock]
    due: dict[UUID, float] = attrs.field(factory=dict)
    _nodes: list[Node] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._nodes = [self._start_node(clock) for clock in self.clocks]
        for node, clock in zip(self._nodes, self.clocks, strict=True):
            node.wait_serving()
            shift = log_shift(node.log.read_text(), datetime.now())
            if shift is None or abs(shift - clock.seconds) > HOUR - _SURE_SECONDS:
                raise CampaignFailed(f"the log of a node is {shift} s ahead, not {clock.seconds} s")

    def maker(self, chosen: argparse.Namespace) -> Maker:
        """What makes the jobs."""
        dice = random.Random(self.site.dice.random())
        return Maker(self.site, chosen.job_ms / 1000, chosen.delay_seconds, dice, self.due)

    def _start_node(self, clock: WrongClock) -> Node:
        lease = ("--lease-seconds", str(self.lease_seconds))
        term = ("--term-seconds", str(TERM_SECONDS))
        return self.site.start_node(*lease, *term, app=APP, variables=clock.variables)

    def strike(self) -> None:
        """One of them."""
        dice = self.site.dice
        time.sleep(dice.uniform(*_PAUSE_SECONDS))
        (what,) = dice.choices(self.only, [STRIKES[each] for each in self.only])
        place = dice.randrange(len(self._nodes))
        node, clock = self._nodes[place], self.clocks[place]
        node.check()
        if what == "jump":
            self._jump(clock)
        elif what == "node":
            self.site.kill_node(node)
            self._nodes[place] = self._start_node(clock)
        else:
            self._freeze(node, clock)

    def _jump(self, clock: WrongClock) -> None:
        self.site.note("jump")
        clock.put(self.site.dice.uniform(-2 * HOUR, 2 * HOUR))

    def _freeze(self, node: Node, clock: WrongClock) -> None:
        began = time.monotonic()
        node.process.send_signal(signal.SIGSTOP)
        pids = frozenset(self.site.children(node))
        seconds = self.lease_seconds + self.site.dice.uniform(1.0, 2.0)
        time.sleep(seconds / 2)
        self._jump(clock)
        time.sleep(seconds / 2)
        node.process.send_signal(signal.SIGCONT)
        self.site.suffered(Fault("frozen", began, pids, lapses=True))

    def judge(self) -> None:
        """What was seen, and what of it must not be. Raises CampaignFailed."""
        site = self.site
        runs = list(reading.runs(site.folder / "trace"))
        self._judge_clocks()
        self._judge_starts(runs)
        losses = len({number for log in site.logs() for number in _LOST.findall(log)})
        if losses > site.count("frozen"):
            text = f"{losses} leases were lost, and {site.count('frozen')} nodes were frozen"
            site.violated("leases", text)
        site.found |= {"leases_lost": losses, "late_outcomes": late_outcomes(site)}
        bound = self.lease_seconds + TERM_SECONDS + RESCUE_SECONDS
        site.broken += slow_rescues(site.history(), ("frozen", "node"), bound)

    def _judge_clocks(self) -> None:
        text = (self.site.folder / f"trace{SEEN}").read_text()
        behind, ahead = farthest(text, time.time() - time.monotonic())
        if ahead < _SURE_SECONDS or behind > -_SURE_SECONDS:
            raise CampaignFailed(f"handlers were {behind:g} to {ahead:g} s ahead: not wrong enough")
        self.site.found |= {"handlers_behind_s": -behind, "handlers_ahead_s": ahead}

    def _judge_starts(self, runs: list[Run]) -> None:
        late = delays(runs, self.due)
        for job, seconds in late.items():
            if seconds < -EARLY_SECONDS:
                self.site.violated("early", f"job {job} began {-seconds:.3f} s before its time")
            elif seconds > LATE_SECONDS:
                self.site.violated("late", f"job {job} began {seconds:.1f} s after its time")
        self.site.found |= {"scheduled": len(late)} | shares("scheduled_late", list(late.values()))


@attrs.define
class Maker:
    """Makes jobs, some of them for later.

    Attributes: latest, how many seconds later at most; due, told when each may begin.
    """

    site: Site
    seconds: float
    latest: float
    dice: random.Random
    due: dict[UUID, float]

    def __call__(self, count: int) -> list[NewJob]:
        jobs = self.site.jobs(count, self.seconds)
        return [
            self._later(job) if place % _SCHEDULED_EACH == 0 else _last(job)
            for place, job in enumerate(jobs)
        ]

    def _later(self, job: NewJob) -> NewJob:
        """Before all others, once it is its time."""
        delay = self.dice.uniform(_SOONEST_SECONDS, self.latest)
        self.due[job.id] = time.monotonic() + delay
        if self.dice.random() < 0.5:
            return msgspec.structs.replace(job, priority=1, delay_seconds=delay)
        at = datetime.now(UTC) + timedelta(seconds=delay)
        return msgspec.structs.replace(job, priority=1, scheduled_at=at)


def _last(job: NewJob) -> NewJob:
    return msgspec.structs.replace(job, priority=2)
