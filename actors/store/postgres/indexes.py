"""Rebuilds bloated indexes, concurrently, one at a time; drops what interrupted builds have left.

Rules: outside a transaction, under the lock of those who migrate, so that nobody else builds
meanwhile; with a lock_timeout, since a build waits for older transactions. A build that is cut off
leaves an INVALID copy, which the next call finds and drops first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import attrs

from actors.store.bridge import Connection, Row
from actors.store.migrate.apply import Workplace, named
from actors.store.upkeep import Rebuilt
from runtime import sql

# An index below this is read at once, however bloated. The bound of the whole: a rebuild of some
# 100 GiB takes an hour.
LEAST_BYTES = 32 * 2**20
BUILD_SECONDS = 3600.0
# So many times as large as it need be, it is bloated. The estimate is a third too high or too low;
# an index that lives for long under random inserts is at 1.5.
BLOAT_FACTOR = 3.0
# A quiet time: what waits can be worked in a second, and no transaction is there to be waited for.
WAITING_JOBS = 1_000
OLD_TRANSACTION_SECONDS = 30.0
# The SQLSTATE of a build that has waited for too long.
LOCK_NOT_AVAILABLE = "55P03"
# How long a build waits for each transaction that began before it.
LOCK_TIMEOUT_MS = 60_000

T = TypeVar("T")


@attrs.frozen
class IndexSize:
    """An index, its size, and the size that it need have; None: it was never counted."""

    name: str
    table: str
    bytes: int
    needed_bytes: int | None

    @property
    def bloated(self) -> bool:
        """Whether a rebuild is worth its while."""
        if self.needed_bytes is None or self.bytes < LEAST_BYTES:
            return False
        return self.bytes > BLOAT_FACTOR * self.needed_bytes


async def sizes(connection: Connection, namespace: str, term: int | None = None) -> list[IndexSize]:
    """All indexes that may be rebuilt, the largest waste first."""
    rows = await connection.fetch(sql.load("indexes"), namespace, term)
    return [IndexSize(*row) for row in rows]


async def leftovers(connection: Connection, namespace: str, term: int | None = None) -> list[Row]:
    """What interrupted rebuilds have left: names and bytes."""
    return await connection.fetch(sql.load("index_leftovers"), namespace, term)


async def tend(
    connection: Connection, namespace: str, term: int | None, but: Sequence[str]
) -> Rebuilt | None:
    """At a quiet time: drop a leftover, or rebuild the most bloated index that is none of `but`."""
    if not await connection.fetchval(sql.load("quiet"), WAITING_JOBS, OLD_TRANSACTION_SECONDS):
        return None

    async def under_lock() -> Rebuilt | None:
        for row in await leftovers(connection, namespace, term):
            return await drop(connection, row)
        for index in await sizes(connection, namespace, term):
            if index.bloated and index.name not in but:
                return await build(connection, index)
        return None

    return await locked(connection, namespace, under_lock)


async def rebuild(
    connection: Connection, namespace: str, names: Sequence[str]
) -> list[Rebuilt] | None:
    """Drop all leftovers and rebuild these indexes. None: somebody else migrates or rebuilds."""

    async def under_lock() -> list[Rebuilt]:
        done = [await drop(connection, row) for row in await leftovers(connection, namespace)]
        chosen = [each for each in await sizes(connection, namespace) if each.name in names]
        return done + [await build(connection, each) for each in chosen]

    return await locked(connection, namespace, under_lock)


async def locked(
    connection: Connection, namespace: str, act: Callable[[], Awaitable[T]]
) -> T | None:
    """Do it, alone; None, if somebody else migrates or rebuilds.

    A cancelled one is left to the bridge, which resets the connection and so frees the lock.
    """
    at = Workplace(namespace)
    if not await connection.fetchval(sql.load("migrate_lock"), *at.lock):
        return None
    try:
        settings = at.search_path, str(LOCK_TIMEOUT_MS)
        await connection.fetch(sql.load("migrate_session"), *settings)
        done = await act()
    except Exception:
        await _unlock(connection, at)
        raise
    await _unlock(connection, at)
    return done


async def _unlock(connection: Connection, at: Workplace) -> None:
    await connection.fetch(sql.load("migrate_unlock"), *at.lock)
    await connection.execute(sql.load("migrate_session_end"))


async def drop(connection: Connection, leftover: Row) -> Rebuilt:
    """Drop what an interrupted build has left."""
    name, size = leftover["name"], leftover["bytes"]
    await connection.execute(named("migrate_drop_index", index=name))
    return Rebuilt(name, size, 0)


async def build(connection: Connection, index: IndexSize) -> Rebuilt:
    """Build an index anew."""
    await connection.execute(named("reindex", index=index.name))
    after = await connection.fetchval(sql.load("index_size"), index.name)
    return Rebuilt(index.name, index.bytes, after or 0)
