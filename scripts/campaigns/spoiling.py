"""Indexes left INVALID, of any migration that builds one online.

As an interrupted REINDEX, or an operator's own attempt, leaves them: the index is dropped, and its
build is cut off while a long transaction keeps it waiting. Nodes work on without it.
"""

from __future__ import annotations

from random import Random

import asyncpg
import attrs

from actors.store.migrate.apply import named
from actors.store.migrate.files import Migration, read_migrations
from runtime import sql
from scripts.benches.database import Database

_BUILD_SECONDS = 0.2
_MOST = 6  # of one round


def online_indexes() -> tuple[Migration, ...]:
    """The migrations that build one."""
    found = read_migrations(sql.SCHEMA / "migrations")
    return tuple(each for each in found if each.up.creates is not None)


@attrs.define
class Spoiler:
    """`database`: a session that does it. `report`: another one, which holds a transaction."""

    database: Database
    report: Database
    spoiled: set[str] = attrs.field(factory=set)  # names, of all that ever were
    _indexes: tuple[Migration, ...] = attrs.field(factory=online_indexes)

    def spoil(self, dice: Random) -> None:
        """Leave some of them INVALID."""
        for each in dice.sample(self._indexes, dice.randint(1, _MOST)):
            self._spoil(each)

    def _spoil(self, migration: Migration) -> None:
        name = str(migration.up.creates)
        self.database.execute(named("migrate_drop_index", index=name))
        self.report.ask("chaos_hold")
        self.report.ask("chaos_completed")  # now it has a snapshot
        try:
            self.database.execute(migration.up.sql, seconds=_BUILD_SECONDS)
        except (TimeoutError, asyncpg.QueryCanceledError):
            self.spoiled.add(name)
        finally:
            self.report.ask("chaos_let_go")
