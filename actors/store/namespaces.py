"""Makes and drops namespaces: a schema of PostgreSQL each, with all tables in it.

Rules: to make one is to migrate it. To drop one is to undo its migrations, so that nothing is lost
that is not ours: a schema that holds others' objects stays. One in which nodes live is not dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.store.bridge import Bridge, Connection, DatabaseError
from actors.store.migrate import Applied, Migrator
from actors.store.migrate.apply import named
from runtime import sql
from runtime.errors import SchemaNotMigrated, UsageError

_HOLDS_OTHERS = "2BP01"  # dependent_objects_still_exist


async def create_namespace(bridge: Bridge, name: str) -> list[Applied]:
    """Make a namespace with all tables, or bring it to this version; [] if nothing was to be done.

    Raises: ConfigError: no such namespace can be. As Migrator.up.
    """
    return await Migrator(bridge, name).up()


async def living_nodes(bridge: Bridge, name: str) -> Sequence[str]:
    """The names of the nodes that live in a namespace. Raises: SchemaNotMigrated."""

    async def unit(connection: Connection) -> Sequence[str]:
        async with connection.transaction():
            await connection.fetch(
                sql.load("session_local"), ["search_path"], [f'"{name}", pg_catalog']
            )
            row = await connection.fetchrow(sql.load("namespace_state"))
            assert row is not None
            nodes: Sequence[str] = row["nodes"]
            return nodes

    return await bridge.run(unit)


async def drop_namespace(bridge: Bridge, name: str) -> bool:
    """Drop a namespace with all its jobs. False: its schema is left, for it holds others' objects.

    Raises: SchemaNotMigrated: there is none. UsageError: nodes live in it. As Migrator.down.
    """
    migrator = Migrator(bridge, name)
    status = await migrator.status()
    if not status.applied:
        raise SchemaNotMigrated(f"there is no namespace {name!r} in this database")
    if status.current:
        nodes = await living_nodes(bridge, name)
        if nodes:
            shown = ", ".join(nodes)
            raise UsageError(f"nodes live in the namespace {name!r}: {shown}; stop them first")
    await migrator.down(0)
    return await _drop_schema(bridge, name)


async def _drop_schema(bridge: Bridge, name: str) -> bool:
    async def forget(connection: Connection) -> None:
        async with connection.transaction():
            await connection.fetch(
                sql.load("session_local"), ["search_path"], [f'"{name}", pg_catalog']
            )
            await connection.fetch(sql.load("namespace_forget"))

    await bridge.run(forget)
    try:
        await bridge.run(lambda conn: conn.fetch(named("namespace_drop", namespace=name)))
    except DatabaseError as error:
        if error.sqlstate != _HOLDS_OTHERS:
            raise
        return False
    return True
