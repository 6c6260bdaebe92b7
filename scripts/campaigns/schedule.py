"""`schedule`: the leader is killed, stopped past its term or deposed, while intervals fire.

Three nodes work; schedules fire every 0.2, 0.3 and 0.7 s, with all that is missed made good. In
turns, at random, as in `leader`: the leader is killed; it gets SIGSTOP for longer than its term,
and then SIGCONT; its term is taken from it in the database; or another node is killed. At the end
each schedule must have fired on its grid without a gap and without a double, and each of its jobs
must have been completed once. Reported: firings, and how late they were.
"""

from __future__ import annotations

import argparse
import signal
import time
from datetime import datetime, timedelta
from typing import Any

import attrs

from runtime import Client, every
from runtime.schedule import Schedule
from scripts.benches.database import Database
from scripts.campaigns.app import app, traced
from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.figures import shares
from scripts.campaigns.firings import Firing, Grid, wrong
from scripts.campaigns.history import Enqueue
from scripts.campaigns.leader import LATE_SECONDS, Throne
from scripts.campaigns.site import NAMESPACE, Site

INTERVALS = (0.2, 0.3, 0.7)
JOB_SECONDS = 0.001
# After the faults: for the last nodes' leases, and for what is left to run.
PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_MICROSECOND = timedelta(microseconds=1)


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--seconds", type=float, default=120.0, metavar="S")
    parser.add_argument("--term-seconds", type=float, default=10.0, metavar="S")
    parser.add_argument("--late-seconds", type=float, default=LATE_SECONDS, metavar="S")


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Have schedules fire, and strike the leader."""
    seconds = 60 * chosen.minutes if chosen.minutes else chosen.seconds
    with (
        Database(site.server.url, NAMESPACE) as database,
        Client(app, site.server.url, namespace=NAMESPACE) as client,
    ):
        keeping = Timekeeping(site, chosen.term_seconds, chosen.late_seconds, database)
        keeping.start_nodes()
        first = [_create(client, site, interval) for interval in INTERVALS]
        site.progress.phase(f"striking for {seconds:g} s")
        keeping.strike(seconds)
        grids = [keeping.stop(client, schedule) for schedule in first]
        keeping.wait_completed()
        site.end_nodes()
        keeping.judge(grids)


def _create(client: Client, site: Site, interval: float) -> Schedule:
    path = str(site.folder / "trace")
    timing = every(interval, catch_up="all")
    return client.schedules.create(f"every {interval:g} s", timing, traced, path, JOB_SECONDS)


@attrs.define
class Timekeeping(Throne):
    """The leader, and what is done to it, while schedules fire."""

    def _add_old(self) -> None:
        """Nothing is pruned here."""

    def strike(self, seconds: float) -> None:
        """One fault after the other, for so long; then there is a leader again, and nobody is
        stopped."""
        end = time.monotonic() + seconds
        faults = self.faults()
        while time.monotonic() < end:
            next(faults)
        faults.close()
        for node in self.site.nodes:
            node.process.send_signal(signal.SIGCONT)
        self._wait(lambda: self._leader() is not None)

    def stop(self, client: Client, schedule: Schedule) -> Grid:
        """End a schedule once its leader has caught up; the firings that there should be."""
        self._until_true(lambda: _age(client, schedule) < 1.0, "the schedules do not fire")
        client.schedules.pause(schedule.name)
        (row,) = self.database.ask("chaos_schedule", schedule.name)
        assert schedule.next_at is not None
        assert schedule.interval_seconds is not None
        interval_us = timedelta(seconds=schedule.interval_seconds) // _MICROSECOND
        first_us, next_us = _us(schedule.next_at), _us(row["next_at"])
        return Grid(schedule.name, first_us, next_us, interval_us)

    def wait_completed(self) -> None:
        """Until all jobs that were fired are completed. Raises CampaignFailed."""
        self._until_true(
            lambda: len(self.database.ask("chaos_firings")) == self.site.completed(),
            "the jobs of the schedules are not done",
        )

    def _until_true(self, happened: Any, otherwise: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            if time.monotonic() > end:
                raise CampaignFailed(f"{otherwise} {PATIENCE_SECONDS:g} s after the faults")
            time.sleep(_LOOK_SECONDS)

    def judge(self, grids: list[Grid] | None = None) -> None:
        """Figures, and what must not have been."""
        rows = self.database.ask("chaos_firings")
        now = time.monotonic()
        self.site.asked(Enqueue(row["id"], "ok", at=now) for row in rows)
        firings = [Firing(row["schedule"], row["at_us"], row["late"]) for row in rows]
        for kind, text in wrong(grids or (), firings):
            self.site.violated(kind, text)
        late = [each.late_seconds for each in firings]
        self.site.found["firings"] = len(firings)
        self.site.found |= shares("late", late)
        self.site.found["late_most_s"] = max(late, default=0.0)
        bound = self.term_seconds + self.late_seconds
        if max(late, default=0.0) > bound:
            text = f"a firing came after {max(late):.3f} s; the bound is {bound:g} s"
            self.site.violated("late", text)


def _age(client: Client, schedule: Schedule) -> float:
    """How long ago it fired for the last time, in seconds; both times are the database's."""
    row = client.schedules.get(schedule.name)
    (following,) = client.schedules.next(schedule.name, 1)
    return (following - row.last_at).total_seconds() if row.last_at else float("inf")


def _us(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=at.tzinfo)) // _MICROSECOND
