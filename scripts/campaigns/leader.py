"""`leader`: the leader is killed, stopped past its term or deposed, while jobs fall due.

Three nodes work; one job in ten is to run 0.1 to 3 s after it was enqueued, and jobs that are long
over wait for the pruner. In turns, at random: the leader is killed (a new node comes once there is
another leader); it gets SIGSTOP for longer than its term, and then SIGCONT; its term is taken from
it in the database; or another node is killed, for the leader to rescue its jobs.

Triggers note each change of the row `leader`, and each job that is staged or pruned: by which node,
and who held the term. Two that lead at once would be seen by a term that begins before the last one
has ended, by one term in two nodes' logs, or by a job that is staged or pruned by a node without a
term. Due jobs are staged within a term's length and --late-seconds, whatever happens to the leader,
and claimed within as much again.
"""

from __future__ import annotations

import argparse
import random
import signal
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import msgspec

from runtime.job import NewJob
from scripts.benches.database import Database
from scripts.benches.node import Node
from scripts.campaigns.figures import shares
from scripts.campaigns.site import NAMESPACE, Site
from scripts.campaigns.terms import Note, failovers, lateness, tenures, wrong
from scripts.campaigns.work import disturb, work_options

NODES = 3
SCHEDULED_SHARE = 0.1
DELAY_SECONDS = (0.1, 3.0)
# Beyond a term's length, until due jobs are staged: candidates look again when a term ends, and the
# rest is what a busy machine takes.
LATE_SECONDS = 3.0
OLD_JOBS = 500  # before another node must become the leader
KEEP_SECONDS = 600  # those are older
# The pruner looks every 30 s, and some more.
_PRUNED_SECONDS = 35.0
_STEP_SECONDS = 0.05
_CALM_SECONDS = (1.0, 3.0)
_FIRST, _LATER = 1, 2  # priorities: what falls due does not stand in line behind the rest

Steps = Generator[None, None, None]


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=20_000, job_ms=5.0)
    parser.add_argument("--term-seconds", type=float, default=10.0, metavar="S")
    parser.add_argument("--late-seconds", type=float, default=LATE_SECONDS, metavar="S")


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work, and strike the leader, until all is done."""
    with Database(site.server.url, NAMESPACE) as database:
        database.ask("chaos_notes")
        throne = Throne(site, chosen.term_seconds, chosen.late_seconds, database)
        throne.start_nodes()
        faults = throne.faults()
        make = partial(_make, site, random.Random(chosen.seed), chosen.job_ms / 1000)
        disturb(site, chosen, lambda: next(faults), make=make)
        throne.wait_pruned()
        site.end_nodes()
        throne.judge()


def _make(site: Site, dice: random.Random, seconds: float, count: int) -> list[NewJob]:
    """Jobs, some of which are to run later, and then before the others."""
    return [
        msgspec.structs.replace(job, priority=_FIRST, delay_seconds=dice.uniform(*DELAY_SECONDS))
        if dice.random() < SCHEDULED_SHARE
        else msgspec.structs.replace(job, priority=_LATER)
        for job in site.jobs(count, seconds)
    ]


@attrs.define
class Throne:
    """The leader, and what is done to it. `database`: a session of the campaign's own."""

    site: Site
    term_seconds: float
    late_seconds: float
    database: Database
    _pids: dict[str, int] = attrs.field(factory=dict)
    _logs: list[Node] = attrs.field(factory=list)
    _struck: list[tuple[str, float]] = attrs.field(factory=list)
    _old: int = 0

    # --- nodes ------------------------------------------------------------------------------------

    def start_nodes(self) -> None:
        """All at first."""
        nodes = [self._start_node() for _ in range(NODES)]
        for node in nodes:
            node.wait_serving()
        self._wait(lambda: self._leader() is not None)

    def _start_node(self) -> Node:
        name = str(len(self._logs) + 1)
        url = self.site.server.url
        node = self.site.start_node(
            "--term-seconds",
            str(self.term_seconds),
            "--keep-cancelled-seconds",
            str(KEEP_SECONDS),
            # A setting of all its sessions, by which the triggers know them.
            url=f"{url}{'&' if '?' in url else '?'}chaos.node={name}",
        )
        self._pids[name] = node.pid
        self._logs.append(node)
        return node

    def _leader(self) -> Node | None:
        """None, if there is none, or it was killed."""
        pids = {row["pid"] for row in self.database.ask("chaos_leader")}
        return next((node for node in self.site.nodes if node.pid in pids), None)

    # --- faults -----------------------------------------------------------------------------------

    def faults(self) -> Steps:
        """One after the other, each in small steps, for ever."""
        kinds: list[Callable[[Node], Steps]] = [self._kill, self._stop, self._depose, self._orphan]
        order = kinds
        while True:
            for kind in order:
                while (leader := self._leader()) is None:
                    yield from self._pause(_STEP_SECONDS)
                yield from kind(leader)
                yield from self._pause(self.site.dice.uniform(*_CALM_SECONDS))
            order = self.site.dice.sample(kinds, len(kinds))

    def _kill(self, leader: Node) -> Steps:
        self._add_old()
        self._strike("killed leader")
        self.site.kill_node(leader, "killed leader")
        yield from self._until(lambda: self._leader() is not None)
        self._start_node()

    def _stop(self, leader: Node) -> Steps:
        self._add_old()
        self._strike("stopped leader")
        self.site.note("stopped leader", frozenset(self.site.children(leader)))
        leader.process.send_signal(signal.SIGSTOP)
        yield from self._pause(self.term_seconds + self.site.dice.uniform(1.0, 2.0))
        leader.process.send_signal(signal.SIGCONT)

    def _depose(self, leader: Node) -> Steps:
        self._strike("deposed leader")
        self.site.note("deposed leader")
        self.database.ask("chaos_depose")
        yield from self._until(lambda: self._leader() is not None)

    def _orphan(self, leader: Node) -> Steps:
        others = [node for node in self.site.nodes if node is not leader]
        self.site.kill_node(self.site.dice.choice(others), "killed follower")
        yield from self._pause(self.term_seconds / 2)
        self._start_node()

    def _strike(self, kind: str) -> None:
        self._struck.append((kind, time.monotonic()))

    def _add_old(self) -> None:
        self.database.ask("chaos_old", OLD_JOBS)
        self._old += OLD_JOBS

    def _pause(self, seconds: float) -> Steps:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(_STEP_SECONDS, left))
            yield

    def _until(self, happened: Callable[[], bool]) -> Steps:
        """Or for as long as it may take."""
        end = time.monotonic() + self.term_seconds + self.late_seconds
        while not happened() and time.monotonic() < end:
            time.sleep(_STEP_SECONDS)
            yield

    def _wait(self, happened: Callable[[], bool]) -> None:
        for _ in self._until(happened):
            pass

    # --- the end ----------------------------------------------------------------------------------

    def wait_pruned(self) -> None:
        """Until no old job is left, or a pruner should long have looked."""
        end = time.monotonic() + _PRUNED_SECONDS + self.term_seconds
        while self._old_left() and time.monotonic() < end:
            time.sleep(_STEP_SECONDS)
        if left := self._old_left():
            self.site.violated("pruning", f"{left} of {self._old} old jobs were not pruned")

    def _old_left(self) -> int:
        (row,) = self.database.ask("chaos_old_left")
        return int(row["jobs"])

    def judge(self) -> None:
        """Figures, and what must not have been."""
        notes = self._notes()
        logs = {node.pid: node.log.read_text(errors="replace") for node in self._logs}
        for text in wrong(notes, logs):
            self.site.violated("two_leaders", text)
        found = self.site.found
        found["terms"] = len(tenures(notes))
        found["staged"] = sum(note.what == "staged" for note in notes)
        found["pruned"] = sum(note.what == "pruned" for note in notes)
        self._judge_failovers(notes)
        bound = self.term_seconds + self.late_seconds
        self._judge_lateness("staged_late", lateness(notes), bound)
        rows = self.database.ask("chaos_lateness")
        seconds = [row["seconds"] for row in rows]
        self._judge_lateness("started_late", seconds, bound + self.late_seconds)

    def _judge_failovers(self, notes: Sequence[Note]) -> None:
        seconds: dict[str, list[float]] = {"": []}
        took = failovers(notes, [at for _, at in self._struck])
        gaps = []
        for (kind, at), each in zip(self._struck, took, strict=True):
            gaps.append((at, float("inf") if each is None else at + each))
            if each is not None:  # after the last one nothing may have fallen due
                seconds[""].append(each)
                seconds.setdefault(f"_{kind.replace(' ', '_')}", []).append(each)
                what = f"the next leader after a {kind} came"
                self._bound(what, each, self.term_seconds + self.late_seconds)
        for name, values in seconds.items():
            self.site.found |= shares(f"failover{name}", values)
        self.site.found |= shares("staged_late_under_a_leader", lateness(notes, gaps))

    def _judge_lateness(self, name: str, seconds: Sequence[float], bound: float) -> None:
        self.site.found |= shares(name, seconds)
        if seconds:
            self.site.found[f"{name}_most_s"] = max(seconds)
            self._bound(f"{name}: a job came", max(seconds), bound)

    def _bound(self, what: str, seconds: float, most: float) -> None:
        if seconds > most:
            self.site.violated("late", f"{what} after {seconds:.3f} s; the bound is {most:g} s")

    def _notes(self) -> list[Note]:
        asked = time.monotonic()
        return [self._note(asked, row) for row in self.database.ask("chaos_notes_read")]

    def _note(self, asked: float, row: Mapping[str, Any]) -> Note:
        return Note(
            what=row["what"],
            pid=self._pids.get(row["node"]),
            began=asked - row["began"],
            at=asked - row["noted"],
            term=row["term"],
            holder=row["holder_pid"],
            until=asked - row["expires"],
            due=asked - (row["due"] or 0.0),
        )
