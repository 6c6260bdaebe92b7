"""`migrate`: migrations down and up again, interrupted in the middle, while jobs are worked.

Two nodes work. `python -m runtime migrate` goes down to some version and up again, in processes of
its own: only as far as is possible while serving. Before that, indexes of other migrations, of any
that builds one online, are left INVALID: going up rebuilds them. In between, at random: the
migrator is killed with SIGKILL, its statement cancelled, its session ended; a second migrator goes
beside it; a long transaction keeps builds waiting. A node that is started on the way must refuse in
one line. At the end all migrations must be applied, all indexes valid, and the statements must run
by them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Literal

import attrs

from actors.store.migrate.files import read_migrations
from runtime import sql
from scripts.benches.database import Database
from scripts.campaigns.migrators import Command, Said
from scripts.campaigns.plans import indexes_of
from scripts.campaigns.site import APP, NAMESPACE, Site
from scripts.campaigns.spoiling import Spoiler
from scripts.campaigns.work import disturb, work_options

NODES = 2
_INDEXES = {
    "claim": "job_claim",
    "stage": "job_due",
    "rescue": "job_running",
    "prune": "job_finalized",
}
_REFUSED_STATUS = 78
_REFUSED_SHARE = 0.3  # of the rounds
_HALFWAY_SHARE = 0.3
_HOLD_SHARE = 0.5
_TRIES = 3  # that may be interrupted; then one that is not
_STEP_SECONDS = 0.03
_PATIENT_SHARE = 0.5
# More than any command takes here; one that has not ended by then is waited for in its turn.
_MOST_SECONDS = 60.0

Kind = Literal["killed migrator", "cancelled statement", "ended session", "two migrators", ""]
_KINDS: tuple[Kind, ...] = (
    "killed migrator",
    "killed migrator",
    "cancelled statement",
    "ended session",
    "two migrators",
    "",
)
_CALLS = {"cancelled statement": "chaos_migrating_cancel", "ended session": "chaos_migrating_end"}

# What the commands have told. "recorded": done already, and only not written down.
_FIGURES = (
    "rounds",
    "migrators",
    "migrations_down",
    "migrations_up",
    "invalid_left",
    "rebuilt",
    "recorded",
    "refused_nodes",
)

Steps = Generator[None, None, None]


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=20_000, job_ms=5.0)


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work, and migrate, until all is done, and a round is complete."""
    nodes = [site.start_node() for _ in range(NODES)]
    for node in nodes:
        node.wait_serving()
    url = site.server.url
    with Database(url, NAMESPACE) as database, Database(url, NAMESPACE) as report:
        rounds = Rounds(site, database, report)
        steps = rounds.go()
        disturb(site, chosen, lambda: next(steps, None))
        rounds.over = True
        for _ in steps:
            pass
        rounds.judge()


@attrs.define
class Rounds:
    """Down and up. `database`, `report`: sessions of the campaign's own; the second one holds
    transactions. `over`: this round is the last one."""

    site: Site
    database: Database
    report: Database
    over: bool = False
    _told: Counter[str] = attrs.field(factory=Counter)
    _spoiler: Spoiler = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._spoiler = Spoiler(self.database, self.report)

    def go(self) -> Steps:
        """Round after round, in small steps. The first one leaves an INVALID index for sure."""
        yield from self._round(sure=True)
        while not self.over:
            yield from self._round(sure=False)

    def _round(self, *, sure: bool) -> Steps:
        dice, latest = self.site.dice, sql.newest_migration()
        target = dice.randint(min(_lowest(), latest - 1), latest - 1)
        self._spoiler.spoil(dice)
        yield from self._migrate("down", target, "" if sure else None)
        if sure or dice.random() < _REFUSED_SHARE:
            yield from self._refuse(target)
        yield from self._pause(dice.uniform(0.2, 1.0))
        if not sure and dice.random() < _HALFWAY_SHARE:
            yield from self._migrate("up", dice.randint(target, latest), None)
        yield from self._migrate("up", latest, "cancelled statement" if sure else None)
        self._told["rounds"] += 1

    # --- one migration ----------------------------------------------------------------------------

    def _migrate(self, way: str, target: int, kind: Kind | None) -> Steps:
        """Until it has succeeded. `kind`: what the one before the last try meets; None: any."""
        kinds = [self._any() for _ in range(_TRIES)] if kind is None else [kind]
        for each in (*kinds, ""):
            if (yield from self._try(way, target, each)):
                return

    def _any(self) -> Kind:
        return self.site.dice.choice(_KINDS)

    def _try(self, way: str, target: int, kind: Kind) -> Generator[None, None, bool]:
        """One command, or two at once, interrupted or not. Returns whether all have succeeded."""
        words = ("migrate", way, "--to", str(target), "--json", "--namespace", NAMESPACE)
        holding = kind in _CALLS or self.site.dice.random() < _HOLD_SHARE
        if holding:
            self._hold()
        count = 2 if kind == "two migrators" else 1
        commands = [Command.start(self.site.server.url, words) for _ in range(count)]
        if holding:
            yield from self._until(lambda: self._building() is not None or _ended(commands))
        yield from self._pause(self.site.dice.uniform(0.0, 0.4 if holding else 1.5))
        struck = self._strike(kind, commands)
        if holding:
            yield from self._pause(self.site.dice.uniform(0.0, 0.2))
            self.report.ask("chaos_let_go")
        yield from self._until(lambda: _ended(commands))
        said = [each.said() for each in commands]
        self._hear(way, target, said, struck=struck)
        if struck:
            yield from self._see_what_is_left()
        return all(each.status == 0 for each in said)

    def _strike(self, kind: Kind, commands: Sequence[Command]) -> bool:
        """Whether we have done anything to them."""
        self._told["migrators"] += len(commands)
        if kind == "killed migrator" and not _ended(commands):
            self.site.note(kind, frozenset({commands[0].pid}))
            commands[0].kill()
            return True
        session = self._building() if kind in _CALLS else None
        if session is not None:
            self.site.note(kind)
            self.database.ask(_CALLS[kind], session)
        return session is not None

    def _hear(self, way: str, target: int, said: Sequence[Said], *, struck: bool) -> None:
        for each in said:
            if each.status != 0 and not struck:
                self._wrong(f"migrate {way} --to {target} failed undisturbed", each)
            for _, how in each.steps:
                self._told[f"migrations_{way}"] += 1
                self._told[how] += 1
        for (version, how), times in Counter(step for each in said for step in each.steps).items():
            if times > 1:
                self.site.violated("migrating", f"{times} migrators {how} {version} at once")

    def _see_what_is_left(self) -> Steps:
        """Of what was interrupted; sometimes only when its session, too, has come to its end."""
        if self.site.dice.random() < _PATIENT_SHARE:
            yield from self._until(lambda: self._building() is None)
        if self._building() is None:
            self._told["invalid_left"] += len(self.database.ask("migrate_invalid", NAMESPACE))

    def _hold(self) -> None:
        self.report.ask("chaos_hold")
        self.report.ask("chaos_completed")  # now it has a snapshot

    def _building(self) -> int | None:
        """The session that builds or drops an index now."""
        pids = [int(row["pid"]) for row in self.database.ask("chaos_migrating")]
        return pids[0] if pids else None

    # --- a node on the way ------------------------------------------------------------------------

    def _refuse(self, version: int) -> Steps:
        """A node that is started now must say what is amiss, and end."""
        words = ("serve", APP, "--no-http", "--namespace", NAMESPACE)
        node = Command.start(self.site.server.url, words)
        yield from self._until(lambda: node.ended)
        if not node.ended:
            node.kill()
        said = node.said()
        self._told["refused_nodes"] += 1
        needed = (
            f"is at version {version}; this program needs version {sql.newest_migration()}: run"
        )
        if said.status != _REFUSED_STATUS or said.err.count("\n") != 1 or needed not in said.err:
            self._wrong("a node was started halfway", said)

    # --- time -------------------------------------------------------------------------------------

    def _pause(self, seconds: float) -> Steps:
        end = time.monotonic() + seconds
        yield from self._until(lambda: time.monotonic() >= end)

    def _until(self, happened: Callable[[], bool]) -> Steps:
        """Or for longer than it may take."""
        end = time.monotonic() + _MOST_SECONDS
        while not happened() and time.monotonic() < end:
            time.sleep(_STEP_SECONDS)
            yield

    # --- the end ----------------------------------------------------------------------------------

    def judge(self) -> None:
        """Figures, and what must not have been."""
        words = ("migrate", "status", "--json", "--namespace", NAMESPACE)
        said = Command.start(self.site.server.url, words).said()
        if said.status != 0:
            self._wrong("not all is applied and valid at the end", said)
        for statement, index in _INDEXES.items():
            used = indexes_of(self.site.server.url, NAMESPACE, statement)
            if index not in used:
                self.site.violated("migrating", f"{statement} runs by {sorted(used)} at the end")
        self.site.found |= {name: self._told[name] for name in _FIGURES}
        self.site.found["spoiled_indexes"] = len(self._spoiler.spoiled)

    def _wrong(self, what: str, said: Said) -> None:
        words = f"status {said.status}, {said.err.strip() or said.out.strip()!r}"
        self.site.violated("migrating", f"{what}: {words}")


def _lowest() -> int:
    """Above are indexes alone; without what is below nodes and clients cannot do."""
    migrations = read_migrations(sql.SCHEMA / "migrations")
    return max(each.version for each in migrations if each.up.creates is None)


def _ended(commands: Sequence[Command]) -> bool:
    return all(each.ended for each in commands)
