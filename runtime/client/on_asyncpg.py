"""asyncpg connections of a caller, from a pool or not."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs

from runtime.client.driver import AsyncDriver
from runtime.client.savepoint import async_savepoint


@attrs.frozen
class AsyncpgDriver(AsyncDriver):
    """For asyncpg."""

    conn: Any
    placeholder = "$1"

    async def fetch(self, statement: str, parameter: str) -> list[tuple[Any, ...]]:
        rows = await self.conn.fetch(statement, parameter)
        return [tuple(row.values()) for row in rows]

    def bracket(self) -> AbstractAsyncContextManager[object]:
        if self.conn.is_in_transaction():  # perhaps begun by a statement: asyncpg refuses to nest
            return async_savepoint(self.conn.execute)
        transaction: AbstractAsyncContextManager[object] = self.conn.transaction()
        return transaction


def asyncpg_driver(conn: Any) -> AsyncpgDriver | None:
    """A driver, if this is asyncpg's."""
    library = sys.modules.get("asyncpg")
    if library is None:
        return None
    if isinstance(conn, (library.Connection, library.pool.PoolConnectionProxy)):
        return AsyncpgDriver(conn)
    return None
