"""psycopg 3 connections and cursors of a caller, sync and async.

Rules: rows are read through a cursor of our own, since the caller's may make objects of them. The
library's own `transaction()` would commit at its end a transaction that the caller has not begun
yet, so it serves in autocommit only.
"""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

import attrs

from runtime.client.driver import AsyncDriver, SyncDriver
from runtime.client.savepoint import async_savepoint, savepoint


@attrs.frozen
class PsycopgDriver(SyncDriver):
    """For psycopg."""

    conn: Any
    placeholder = "%s"

    def fetch(self, statement: str, parameter: str) -> list[tuple[Any, ...]]:
        with _plain_cursor(self.conn) as cursor:
            rows: list[tuple[Any, ...]] = cursor.execute(statement, (parameter,)).fetchall()
            return rows

    def bracket(self) -> AbstractContextManager[object]:
        if not self.conn.autocommit:
            return savepoint(self.conn.execute)
        transaction: AbstractContextManager[object] = self.conn.transaction()
        return transaction


@attrs.frozen
class AsyncPsycopgDriver(AsyncDriver):
    """For psycopg in asyncio."""

    conn: Any
    placeholder = "%s"

    async def fetch(self, statement: str, parameter: str) -> list[tuple[Any, ...]]:
        async with _plain_cursor(self.conn) as cursor:
            await cursor.execute(statement, (parameter,))
            rows: list[tuple[Any, ...]] = await cursor.fetchall()
            return rows

    def bracket(self) -> AbstractAsyncContextManager[object]:
        if not self.conn.autocommit:
            return async_savepoint(self.conn.execute)
        transaction: AbstractAsyncContextManager[object] = self.conn.transaction()
        return transaction


def psycopg_driver(conn: Any) -> PsycopgDriver | AsyncPsycopgDriver | None:
    """A driver, if this is psycopg's."""
    library = sys.modules.get("psycopg")
    if library is None:
        return None
    if isinstance(conn, (library.Cursor, library.AsyncCursor)):
        conn = conn.connection
    if isinstance(conn, library.AsyncConnection):
        return AsyncPsycopgDriver(conn)
    return PsycopgDriver(conn) if isinstance(conn, library.Connection) else None


def _plain_cursor(conn: Any) -> Any:
    library = sys.modules["psycopg"]
    is_async = isinstance(conn, library.AsyncConnection)
    cursor = library.AsyncCursor if is_async else library.Cursor
    return cursor(conn, row_factory=library.rows.tuple_row)
