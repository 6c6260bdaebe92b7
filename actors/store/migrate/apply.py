"""The units that read and change a namespace; they run on the asyncio side of the bridge.

Rules: a step looks again, under the lock, whether it is still to be done. A transactional script
commits together with its row in `migration`. One that runs outside of transactions can be cut off
at any point, and the next try finds out how far it came by looking at the index that it names.
"""

from __future__ import annotations

import zlib
from typing import Literal

import attrs

from actors.store.bridge import Connection
from actors.store.migrate.plan import Found, Recorded, Step
from runtime import sql

# First key of our advisory locks: tells them from other programs' in the same database ("HRmg").
LOCK_CLASS = 0x48526D67
# How long a statement waits for a lock before it gives up and is tried again, in ms: a statement
# that waits for a strong lock holds up everyone behind it for as long.
LOCK_TIMEOUT_MS = 2_000

Ended = Literal["applied", "recorded", "rebuilt", "reverted", "not needed", "locked"]


@attrs.frozen
class Workplace:
    """Where to migrate. `namespace` has been checked: it needs no quoting."""

    namespace: str
    lock_timeout_ms: int = LOCK_TIMEOUT_MS

    @property
    def lock(self) -> tuple[int, int]:
        """The advisory lock's keys: two signed 32-bit numbers."""
        return LOCK_CLASS, zlib.crc32(self.namespace.encode()) - 2**31

    @property
    def search_path(self) -> str:
        return f'"{self.namespace}", pg_catalog'


def named(statement: str, **names: str) -> str:
    """The statement `statement` with identifiers in the places that psql would write :"name"."""
    text = sql.load(statement)
    for name, identifier in names.items():
        text = text.replace(f':"{name}"', f'"{identifier}"')
    return text


async def look(connection: Connection, at: Workplace) -> Found:
    """What the namespace has. Changes nothing; works behind a transaction pooler, too."""
    async with connection.transaction(readonly=True):
        await connection.fetch(sql.load("session_local"), ["search_path"], [at.search_path])
        return await _found(connection, at)


async def _found(connection: Connection, at: Workplace) -> Found:
    there = await connection.fetchrow(sql.load("migrate_found"), at.namespace)
    assert there is not None
    rows = await connection.fetch(sql.load("migrate_applied")) if there["migration"] else []
    invalid = await connection.fetch(sql.load("migrate_invalid"), at.namespace)
    return Found(
        namespace=there["namespace"],
        table=there["migration"],
        recorded=tuple(Recorded(*row) for row in rows),
        invalid_indexes=tuple(row[0] for row in invalid),
    )


async def take_step(connection: Connection, at: Workplace, step: Step) -> Ended:
    """Do a step, if it is still to be done and nobody else has the lock.

    A cancelled one is left to the bridge, which resets the connection and so frees the lock.
    """
    await _enter_session(connection, at, at.lock_timeout_ms)
    ended: Ended = "locked"
    if await connection.fetchval(sql.load("migrate_lock"), *at.lock):
        ended = await _under_lock(connection, at, step)
    await connection.execute(sql.load("migrate_session_end"))
    return ended


async def _enter_session(connection: Connection, at: Workplace, lock_timeout_ms: int) -> None:
    await connection.fetch(sql.load("migrate_session"), at.search_path, str(lock_timeout_ms))


async def _under_lock(connection: Connection, at: Workplace, step: Step) -> Ended:
    try:
        await _make_bookkeeping(connection, at)
        ended = await _take(connection, at, step)
    except Exception:
        await connection.fetch(sql.load("migrate_unlock"), *at.lock)
        await connection.execute(sql.load("migrate_session_end"))
        raise
    await connection.fetch(sql.load("migrate_unlock"), *at.lock)
    return ended


async def _take(connection: Connection, at: Workplace, step: Step) -> Ended:
    if not await _is_due(connection, at, step):
        return "not needed"
    if step.script.transactional:
        return await _in_transaction(connection, step)
    return await _alone(connection, at, step)


async def _make_bookkeeping(connection: Connection, at: Workplace) -> None:
    there = await connection.fetchrow(sql.load("migrate_found"), at.namespace)
    assert there is not None
    if not there["namespace"]:
        await connection.execute(named("migrate_namespace", namespace=at.namespace))
    if not there["migration"]:
        await connection.execute(sql.load("migrate_table"))


async def _is_due(connection: Connection, at: Workplace, step: Step) -> bool:
    found = await _found(connection, at)
    recorded = any(row.version == step.migration.version for row in found.recorded)
    if step.how == "rebuild":
        return recorded and step.script.creates in found.invalid_indexes
    return recorded is (step.how == "revert")


async def _in_transaction(connection: Connection, step: Step) -> Ended:
    async with connection.transaction():
        await connection.execute(step.script.sql)
        await _write_down(connection, step)
    return "reverted" if step.how == "revert" else "applied"


async def _alone(connection: Connection, at: Workplace, step: Step) -> Ended:
    """A script outside of transactions. Its index, if it names one, tells what is left to do."""
    script = step.script
    valid: bool | None = None
    if name := script.creates or script.drops:
        valid = await connection.fetchval(sql.load("migrate_index"), at.namespace, name)
        # What is done concurrently waits for others without holding anybody up.
        await _enter_session(connection, at, 0)
    ended: Ended = "reverted" if step.how == "revert" else "applied"
    if script.creates and valid is False:
        await connection.execute(named("migrate_drop_index", index=script.creates))
        ended = "rebuilt"
    if (script.creates and valid) or (script.drops and valid is None):
        ended = "recorded"
    else:
        await connection.execute(script.sql)
    if step.how != "rebuild":
        await _write_down(connection, step)
    return ended


async def _write_down(connection: Connection, step: Step) -> None:
    migration = step.migration
    if step.how == "revert":
        await connection.execute(sql.load("migrate_forget"), migration.version)
    else:
        await connection.execute(
            sql.load("migrate_record"), migration.version, migration.name, migration.up.checksum
        )
