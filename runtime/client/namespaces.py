"""What `client.namespaces` does: lists the namespaces of a database, switches them off and on.

Rules: it looks at any namespace of the database, not only at the client's own. To make one is to
migrate it, and to drop one is to undo that: `actors.store.namespaces`, and the command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg
import attrs

from runtime import sql
from runtime.client.database import Connection, Database
from runtime.errors import SchemaNotMigrated, StoreUnavailable
from runtime.handler_options import check_namespace

# The switch needs a lock for which it waits in line, and holds up whoever comes behind it: so it
# waits shortly, and again, as migrations do.
_LOCK_TIMEOUT = "1s"
_TRIES = 15
_PAUSE_SECONDS = 0.5


@attrs.frozen
class NamespaceInfo:
    """A namespace. Attributes: name; disabled; version, of its newest migration, and nodes, the
    names of those that live in it: None, where we may not look."""

    name: str
    disabled: bool
    version: int | None
    nodes: tuple[str, ...] | None


class NamespaceWork:
    """See the module's docstring. All methods raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> Sequence[NamespaceInfo]:
        """All namespaces of the database, by name."""

        async def unit(connection: Connection) -> Sequence[NamespaceInfo]:
            async with connection.transaction():
                await connection.fetch(sql.load("plan_freely"))
                rows = await connection.fetch(sql.load("namespaces"))
                return [await _look(connection, **dict(row)) for row in rows]

        return await self._database.run(unit)

    async def disable(self, name: str) -> bool:
        """See `Namespaces.disable`."""
        return await self._switch(name, "namespace_disable")

    async def enable(self, name: str) -> bool:
        """See `Namespaces.enable`."""
        return await self._switch(name, "namespace_enable")

    async def _switch(self, name: str, statement: str) -> bool:
        check_namespace(name)

        async def unit(connection: Connection) -> bool:
            async with connection.transaction():
                await _enter(connection, name)
                try:
                    changed: bool = await connection.fetchval(sql.load(statement))
                except asyncpg.UndefinedFunctionError as error:
                    raise SchemaNotMigrated(
                        f"the namespace {name!r} has no tables of this version in this database"
                    ) from error
                return changed

        for _ in range(_TRIES):
            try:
                return await self._database.run(unit)
            except asyncpg.LockNotAvailableError:
                await asyncio.sleep(_PAUSE_SECONDS)
        raise StoreUnavailable(f"long transactions hold the jobs of {name}: try again later")


async def _look(connection: Connection, name: str, disabled: bool, readable: bool) -> NamespaceInfo:
    if not readable:
        return NamespaceInfo(name, disabled, None, None)
    await _enter(connection, name)
    row = await connection.fetchrow(sql.load("namespace_state"))
    return NamespaceInfo(name, disabled, row["version"], tuple(row["nodes"]))


async def _enter(connection: Connection, name: str) -> None:
    quoted = name.replace('"', '""')
    settings = {"search_path": f'"{quoted}", pg_catalog', "lock_timeout": _LOCK_TIMEOUT}
    await connection.fetch(sql.load("session_local"), list(settings), list(settings.values()))
