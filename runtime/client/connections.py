"""What a caller's own connection may be, for type checkers, and which driver speaks through it.

Rules: a library is asked whether the object is its own only if the program has imported it. Nothing
is committed, rolled back, closed or set on the caller's connection beyond a driver's bracket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from runtime.client.driver import AsyncDriver, SyncDriver
from runtime.client.on_asyncpg import asyncpg_driver
from runtime.client.on_dbapi import dbapi_driver
from runtime.client.on_psycopg import psycopg_driver
from runtime.client.on_sqlalchemy import sqlalchemy_driver
from runtime.errors import UsageError


class _SyncCursor(Protocol):
    def fetchall(self) -> Sequence[Any]: ...


class _AsyncCursor(Protocol):
    def fetchall(self) -> Awaitable[Sequence[Any]]: ...


class _Dbapi(Protocol):
    """A DB-API, Django or psycopg connection."""

    def cursor(self) -> _SyncCursor: ...


class _AsyncDbapi(Protocol):
    """A psycopg AsyncConnection."""

    def cursor(self) -> _AsyncCursor: ...


class _SqlalchemyResult(Protocol):
    def all(self) -> Sequence[Any]: ...


class _Sqlalchemy(Protocol):
    """A SQLAlchemy Connection or Session."""

    def execute(self, statement: Any, /) -> _SqlalchemyResult: ...
    def in_transaction(self) -> bool: ...


class _AsyncSqlalchemy(Protocol):
    """A SQLAlchemy AsyncConnection or AsyncSession."""

    def execute(self, statement: Any, /) -> Awaitable[_SqlalchemyResult]: ...
    def in_transaction(self) -> bool: ...


class _Asyncpg(Protocol):
    """An asyncpg Connection, from a pool or not."""

    def fetch(self, query: str, /, *args: Any) -> Awaitable[Sequence[Any]]: ...
    def is_in_transaction(self) -> bool: ...


SyncConn = _SyncCursor | _Dbapi | _Sqlalchemy
AsyncConn = _Asyncpg | _AsyncCursor | _AsyncDbapi | _AsyncSqlalchemy


def driver_of(conn: object) -> SyncDriver | AsyncDriver:
    """The driver for a connection. Raises: UsageError that names what would do."""
    for find in (asyncpg_driver, psycopg_driver, sqlalchemy_driver, dbapi_driver):
        driver: SyncDriver | AsyncDriver | None = find(conn)
        if driver is not None:
            return driver
    kind = f"{type(conn).__module__}.{type(conn).__qualname__}"
    raise UsageError(
        f"cannot enqueue on a {kind}: give a connection of asyncpg (also one acquired from a "
        f"pool), psycopg 3 (sync or async, or a cursor), SQLAlchemy 2 (Connection, Session or "
        f"their async forms), Django or another DB-API library; pools and engines hand one out"
    )
