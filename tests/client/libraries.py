"""The libraries whose connections may be a caller's own, each opened in its own usual way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any

import asyncpg
import attrs
import django
import django.conf
import django.db
import psycopg
import sqlalchemy
import sqlalchemy.ext.asyncio
import sqlalchemy.orm
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg.rows import dict_row

from tests.client.conftest import host_and_name

if not django.conf.settings.configured:
    django.conf.settings.configure()
    django.setup()


@attrs.frozen
class Caller:
    """A caller's connection, in a transaction; and how this caller ends it."""

    conn: Any
    commit: Callable[[], Any]
    rollback: Callable[[], Any]


Open = Callable[[str], AbstractContextManager[Caller]]
OpenAsync = Callable[[str], AbstractAsyncContextManager[Caller]]


@contextmanager
def psycopg_connection(url: str) -> Iterator[Caller]:
    with psycopg.connect(url) as conn:
        yield Caller(conn, conn.commit, conn.rollback)
        conn.rollback()


@contextmanager
def psycopg_cursor(url: str) -> Iterator[Caller]:
    with psycopg.connect(url, row_factory=dict_row) as conn, conn.cursor() as cursor:
        yield Caller(cursor, conn.commit, conn.rollback)
        conn.rollback()


@contextmanager
def sqlalchemy_connection(url: str) -> Iterator[Caller]:
    with _engine(url) as engine, engine.connect() as conn:
        yield Caller(conn, conn.commit, conn.rollback)


@contextmanager
def sqlalchemy_session(url: str) -> Iterator[Caller]:
    with _engine(url) as engine, sqlalchemy.orm.Session(engine) as session:
        yield Caller(session, session.commit, session.rollback)


@contextmanager
def sqlalchemy_scoped_session(url: str) -> Iterator[Caller]:
    with _engine(url) as engine:
        session = sqlalchemy.orm.scoped_session(sqlalchemy.orm.sessionmaker(engine))
        yield Caller(session, session.commit, session.rollback)
        session.remove()


@contextmanager
def dbapi_connection(url: str) -> Iterator[Caller]:
    """A connection that shows no library but PEP 249: SQLAlchemy's proxy of a pooled one."""
    with _engine(url) as engine:
        conn = engine.raw_connection()
        yield Caller(conn, conn.commit, conn.rollback)
        conn.rollback()
        conn.close()


@contextmanager
def dbapi_cursor(url: str) -> Iterator[Caller]:
    with dbapi_connection(url) as caller:
        cursor = _Cursor(caller.conn)
        yield Caller(cursor, caller.commit, caller.rollback)


@attrs.frozen
class _Cursor:
    """As PEP 249's cursor with its optional `connection`."""

    connection: Any

    def fetchall(self) -> list[Any]:
        return []


@contextmanager
def django_connection(url: str) -> Iterator[Caller]:
    with django_autocommit(url) as conn:
        conn.set_autocommit(False)
        yield Caller(conn, conn.commit, conn.rollback)
        conn.rollback()


@contextmanager
def django_autocommit(url: str) -> Iterator[Any]:
    """Django's `connection`, as its views have it."""
    place, name = host_and_name(url)
    wrapper = DatabaseWrapper(
        {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": "postgres",
            "PASSWORD": "",
            "HOST": str(place).partition("&")[0],
            "PORT": "",
            "OPTIONS": {},
            "AUTOCOMMIT": True,
            "ATOMIC_REQUESTS": False,
            "CONN_MAX_AGE": 0,
            "CONN_HEALTH_CHECKS": False,
            "TIME_ZONE": None,
            "TEST": {},
        },
        alias="default",
    )
    django.db.connections["default"] = wrapper
    try:
        yield django.db.connection
    finally:
        wrapper.close()
        del django.db.connections["default"]


@contextmanager
def _engine(url: str) -> Iterator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        yield engine
    finally:
        engine.dispose()


@asynccontextmanager
async def asyncpg_connection(url: str) -> AsyncIterator[Caller]:
    conn = await asyncpg.connect(url)
    async with _begun(conn) as caller:
        yield caller
    await conn.close()


@asynccontextmanager
async def asyncpg_pooled(url: str) -> AsyncIterator[Caller]:
    async with (
        asyncpg.create_pool(url, min_size=1, max_size=1) as pool,
        pool.acquire() as conn,
        _begun(conn) as caller,
    ):
        yield caller


@asynccontextmanager
async def asyncpg_by_statement(url: str) -> AsyncIterator[Caller]:
    """A transaction that asyncpg does not know of as one of its own."""
    conn = await asyncpg.connect(url)
    await conn.execute("BEGIN")
    yield Caller(conn, lambda: conn.execute("COMMIT"), lambda: conn.execute("ROLLBACK"))
    await conn.close()


@asynccontextmanager
async def _begun(conn: Any) -> AsyncIterator[Caller]:
    transaction = conn.transaction()
    await transaction.start()
    yield Caller(conn, transaction.commit, transaction.rollback)


@asynccontextmanager
async def psycopg_async(url: str) -> AsyncIterator[Caller]:
    async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as conn:
        yield Caller(conn, conn.commit, conn.rollback)
        await conn.rollback()


@asynccontextmanager
async def sqlalchemy_async_connection(url: str) -> AsyncIterator[Caller]:
    async with _async_engine(url, "asyncpg") as engine, engine.connect() as conn:
        yield Caller(conn, conn.commit, conn.rollback)


@asynccontextmanager
async def sqlalchemy_async_session(url: str) -> AsyncIterator[Caller]:
    async with (
        _async_engine(url, "psycopg") as engine,
        sqlalchemy.ext.asyncio.AsyncSession(engine) as session,
    ):
        yield Caller(session, session.commit, session.rollback)


@asynccontextmanager
async def _async_engine(url: str, driver: str) -> AsyncIterator[sqlalchemy.ext.asyncio.AsyncEngine]:
    engine = sqlalchemy.ext.asyncio.create_async_engine(
        url.replace("postgresql:", f"postgresql+{driver}:")
    )
    try:
        yield engine
    finally:
        await engine.dispose()


SYNC: dict[str, Open] = {
    "psycopg connection": psycopg_connection,
    "psycopg cursor": psycopg_cursor,
    "SQLAlchemy connection": sqlalchemy_connection,
    "SQLAlchemy session": sqlalchemy_session,
    "SQLAlchemy scoped session": sqlalchemy_scoped_session,
    "DB-API connection": dbapi_connection,
    "DB-API cursor": dbapi_cursor,
    "Django": django_connection,
}
ASYNC: dict[str, OpenAsync] = {
    "asyncpg connection": asyncpg_connection,
    "asyncpg from a pool": asyncpg_pooled,
    "asyncpg by statement": asyncpg_by_statement,
    "psycopg": psycopg_async,
    "SQLAlchemy connection": sqlalchemy_async_connection,
    "SQLAlchemy session": sqlalchemy_async_session,
}


async def awaited(value: Awaitable[Any] | Any) -> Any:
    """The value of what may have to be awaited."""
    return await value if isinstance(value, Awaitable) else value
