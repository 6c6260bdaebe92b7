"""`workflow`: the kills of `kill`, while workflows survey the standard library.

Two nodes work the demo's workflow, and an async one that makes an entry in a ledger besides, in one
transaction with its step: map over child jobs, reduce, publish, wait for a signal, sleep, publish.
Each is signalled at a random moment, before its wait or in it. At the end each report must be that
of an undisturbed run, the record of each step be of the last time that it was done, and each entry
be there once: see `effects`. Reported besides: what was done, what is recorded, and the difference,
which was done again because its process died before it was recorded.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from uuid import uuid4

import attrs
import msgspec

from runtime import Client, sql
from runtime.client.handle import JobHandle
from scripts.benches.database import Database
from scripts.campaigns.effects import Effects, Flow, read_effects, wrong
from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.kill import NODES, kill_some
from scripts.campaigns.site import NAMESPACE, Site
from scripts.campaigns.workflow_app import ENTER, app, library_ledger
from scripts.survey.library_report import Report, alone
from scripts.survey.workflow_app import APPROVED, library_report_of

APP = "scripts.campaigns.workflow_app:app"
SHARE_MODULES = 4
REST_SECONDS = 0.2
APPROVER = "scripts/chaos"
IN_FLIGHT = 12
_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.1


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--workflows", type=int, default=200, metavar="N", help="unless --minutes")
    parser.add_argument("--modules", type=int, default=24, metavar="N", help="of the library")
    parser.add_argument("--between-seconds", type=float, default=0.5, metavar="S", help="at most")


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and kill until all is done; then look at what was done and what is recorded."""
    with (
        Database(site.server.url, NAMESPACE) as database,
        Client(app, site.server.url, namespace=NAMESPACE) as client,
    ):
        database.execute(sql.load("chaos_ledger_create"))
        for _ in range(NODES):
            site.start_node(app=APP)
        work = Flows(site, client, chosen)
        site.progress.phase(f"{chosen.minutes:g} min" if chosen.minutes else "workflows")
        while work.begin_and_signal():
            time.sleep(site.dice.uniform(0, chosen.between_seconds))
            kill_some(site, app=APP)
        work.wait_completed()
        site.end_nodes()
        _judge(site, work.found(), database)


@attrs.define
class Flows:
    """The workflows of a campaign."""

    site: Site
    client: Client
    chosen: argparse.Namespace
    all: list[JobHandle[Report]] = attrs.field(factory=list)
    _silent: list[JobHandle[Report]] = attrs.field(factory=list)  # not signalled yet
    _going: list[JobHandle[Report]] = attrs.field(factory=list)
    _until: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        minutes = self.chosen.minutes
        self._until = time.monotonic() + 60 * minutes if minutes else float("inf")

    @property
    def _more(self) -> bool:
        if self.chosen.minutes:
            return time.monotonic() < self._until
        return len(self.all) < int(self.chosen.workflows)

    def begin_and_signal(self) -> bool:
        """Keep some going, and signal one at times. False, once none goes on and none is to."""
        self._look()
        while self._more and len(self._going) < IN_FLIGHT:
            self._begin()
        if self._silent and self.site.dice.random() < 0.5:
            self._signal(self._silent.pop(self.site.dice.randrange(len(self._silent))))
        self.site.progress.show(f"{len(self.all) - len(self._going)} of {len(self.all)} done")
        return bool(self._going)

    def _begin(self) -> None:
        trace = str(self.site.folder / "effects")
        name = uuid4().hex
        handle: JobHandle[Report]
        if len(self.all) % 2:
            handle = self.client.enqueue(
                library_ledger.with_options(external_id=name),
                *(self.chosen.modules, SHARE_MODULES, REST_SECONDS, trace, self.site.server.url),
            )
        else:
            handle = self.client.enqueue(
                library_report_of.with_options(external_id=name),
                *(self.chosen.modules, SHARE_MODULES, REST_SECONDS, trace),
            )
        for each in (self.all, self._silent, self._going):
            each.append(handle)

    def _signal(self, job: JobHandle[Report]) -> None:
        """Twice, as one does whose first answer was lost: it counts once."""
        signal_id = uuid4()
        for _ in range(2):
            self.client.send_signal(job, APPROVED, APPROVER, id=signal_id)

    def _look(self) -> None:
        self._going = [job for job in self._going if not self.client.get(job.id).state.final]

    def wait_completed(self) -> None:
        """Until all are. Raises: CampaignFailed."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for job in self._silent:
            self._signal(job)
        self._silent.clear()
        while self._going:
            if time.monotonic() > deadline:
                left = ", ".join(str(job.id) for job in self._going)
                raise CampaignFailed(
                    f"workflows not done {_PATIENCE_SECONDS:g} s after the faults: {left}"
                )
            time.sleep(_LOOK_SECONDS)
            self._look()

    def found(self) -> Iterator[Flow]:
        """How each has ended."""
        expected = msgspec.to_builtins(alone(self.chosen.modules, SHARE_MODULES, APPROVER))
        for job in self.all:
            row = self.client.get(job.id)
            enters = row.kind == library_ledger.kind
            yield Flow(str(job.id), row.state.value, row.output, expected, enters)


def _judge(site: Site, flows: Iterator[Flow], database: Database) -> None:
    done = read_effects((site.folder / "effects").read_text().splitlines())
    tokens = {(row["job"], row["step"]): row["token"] for row in database.ask("chaos_tokens")}
    entries = [(row["job"], row["token"]) for row in database.ask("chaos_ledger")]
    ended = list(flows)
    for kind, text in wrong(Effects(ended, done, tokens, entries, ENTER)):
        site.violated(kind, text)
    site.found["workflows"] = len(ended)
    site.found["done"] = len(done)
    site.found["recorded"] = len(tokens)
    site.found["done_again_before_it_was_recorded"] = len(done) - len(tokens)
    site.found["entries"] = len(entries)
