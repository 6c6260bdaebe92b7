"""SQLAlchemy 2 connections and sessions of a caller, sync and async, over any driver of theirs."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

import attrs

from runtime.client.driver import AsyncDriver, SyncDriver


@attrs.frozen
class SqlalchemyDriver(SyncDriver):
    """For SQLAlchemy."""

    conn: Any
    placeholder = ":parameter"

    def fetch(self, statement: str, parameter: str) -> list[tuple[Any, ...]]:
        result = self.conn.execute(_text(statement), {"parameter": parameter})
        return [tuple(row) for row in result]

    def bracket(self) -> AbstractContextManager[object]:
        nested: AbstractContextManager[object] = self.conn.begin_nested()
        return nested


@attrs.frozen
class AsyncSqlalchemyDriver(AsyncDriver):
    """For SQLAlchemy in asyncio."""

    conn: Any
    placeholder = ":parameter"

    async def fetch(self, statement: str, parameter: str) -> list[tuple[Any, ...]]:
        result = await self.conn.execute(_text(statement), {"parameter": parameter})
        return [tuple(row) for row in result]

    def bracket(self) -> AbstractAsyncContextManager[object]:
        nested: AbstractAsyncContextManager[object] = self.conn.begin_nested()
        return nested


def sqlalchemy_driver(conn: Any) -> SqlalchemyDriver | AsyncSqlalchemyDriver | None:
    """A driver, if this is SQLAlchemy's."""
    if isinstance(conn, _classes("sqlalchemy.ext.asyncio", _ASYNC)):
        return AsyncSqlalchemyDriver(conn)
    wanted = _classes("sqlalchemy", ("Connection",)) + _classes("sqlalchemy.orm", _SESSIONS)
    return SqlalchemyDriver(conn) if isinstance(conn, wanted) else None


_ASYNC = ("AsyncConnection", "AsyncSession", "async_scoped_session")
_SESSIONS = ("Session", "scoped_session")


def _classes(module: str, names: tuple[str, ...]) -> tuple[type, ...]:
    library = sys.modules.get(module)
    return () if library is None else tuple(getattr(library, name) for name in names)


def _text(statement: str) -> Any:
    return sys.modules["sqlalchemy"].text(statement)
