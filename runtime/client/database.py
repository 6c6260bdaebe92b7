"""A client's own pool of asyncpg connections, in one asyncio loop.

Rules: nobody gets a connection whose state is unknown: one whose unit was cancelled or took too
long is closed. A lost connection is StoreUnavailable; a unit that may be repeated is, twice, since
the pool may hold several connections from before a restart. Other errors are asyncpg's, or
explained.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import asyncpg

from runtime import sql
from runtime.client.failures import explained
from runtime.database_url import for_driver, meaningless, redacted
from runtime.errors import NamespaceDisabled, StoreUnavailable
from runtime.tls import fault, unavailable

T = TypeVar("T")
Connection = Any  # asyncpg's; it has no types
Unit = Callable[[Connection], Awaitable[T]]

UNIT_SECONDS = 30.0  # how long a unit may take, with connecting and repeating
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 300.0  # a connection that rests for longer is closed
# Pauses before a repeatable unit is tried again, in seconds: a restarted server is back within one.
REPEAT_SECONDS = (0.1, 1.0)
# Connection exceptions; the server is stopping, starting or ended the session; too many
# connections; a standby.
_UNAVAILABLE = ("08", "57P0", "53300", "25006")
# What the driver and the operating system raise when a connection breaks; the last when asyncpg
# loses step with a session that the server ends just then.
_BROKEN = (OSError, EOFError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class _PlainConnection(asyncpg.Connection):  # type: ignore[misc]
    """Spares a round trip a unit: our units leave nothing behind in a session to be reset."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """At most `max_size` connections to a database, for the tables of one namespace.

    `pooler`: the URL leads to a transaction pooler: no LISTEN, no prepared statements, and settings
    for each transaction anew.
    """

    def __init__(self, url: str, namespace: str, *, max_size: int, pooler: bool) -> None:
        self.namespace = namespace
        self.pooler = pooler
        self._url = url
        self._max_size = max_size
        self._pool: Any = None
        # Our statements must use their indexes whatever the statistics say.
        self._settings = {"search_path": f'"{namespace}", pg_catalog', "enable_seqscan": "off"}

    async def open(self) -> None:
        """Make the pool. It connects when it is first used."""
        self._pool = await asyncpg.create_pool(
            min_size=0,
            max_size=self._max_size,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            connection_class=_PlainConnection,
            **self._arguments(),
        )

    def _arguments(self) -> dict[str, Any]:
        server = {"application_name": "headrace-client"}
        return {
            "dsn": for_driver(self._url),
            "timeout": CONNECT_SECONDS,
            "statement_cache_size": 0 if self.pooler else 100,
            "server_settings": server if self.pooler else server | self._settings,
        }

    async def connect(self) -> Connection:
        """A connection outside the pool, to LISTEN on. Raises: StoreUnavailable, ConfigError."""
        with self.translating(), self._connecting():
            return await asyncpg.connect(**self._arguments())

    async def run(self, unit: Unit[T], *, repeatable: bool = True) -> T:
        """Run a unit on a connection. Raises: StoreUnavailable; SchemaNotMigrated and the like."""
        with self.translating():
            async with asyncio.timeout(UNIT_SECONDS):
                for pause in REPEAT_SECONDS if repeatable else ():
                    try:
                        return await self._run(unit)
                    except NamespaceDisabled:
                        raise  # another try would not help
                    except StoreUnavailable:
                        await asyncio.sleep(pause)
                return await self._run(unit)

    async def _run(self, unit: Unit[T]) -> T:
        with self.translating():
            connection = await self.lend()
            try:
                return await self._in_session(connection, unit)
            except asyncio.CancelledError:
                connection.terminate()
                raise
            finally:
                await self.take_back(connection)

    async def lend(self) -> Connection:
        """A connection of the pool, to be given to `take_back`. Raises: ConfigError."""
        with self._connecting():
            return await self._pool.acquire()

    async def take_back(self, connection: Connection) -> None:
        """The connection is free again; one in a transaction is rolled back first."""
        await self._pool.release(connection)

    async def _in_session(self, connection: Connection, unit: Unit[T]) -> T:
        if not self.pooler:
            return await unit(connection)
        async with connection.transaction():
            await self.settle(connection)
            return await unit(connection)

    async def settle(self, connection: Connection) -> None:
        """Behind a pooler, set what other connections have been set to from their start."""
        if self.pooler:
            names, values = list(self._settings), list(self._settings.values())
            await connection.fetch(sql.load("session_local"), names, values)

    @contextlib.contextmanager
    def translating(self) -> Iterator[None]:
        """Errors of the driver and the operating system become ours, where there is one."""
        with explained(self.namespace):
            try:
                yield
            except asyncpg.PostgresError as error:
                if (error.sqlstate or "").startswith(_UNAVAILABLE):
                    raise self._unavailable(error) from error
                raise
            except _BROKEN as error:
                raise self._unavailable(error) from error

    @contextlib.contextmanager
    def _connecting(self) -> Iterator[None]:
        """What makes no sense to the driver, or cannot be read, is an error of configuration."""
        try:
            yield
        except OSError as error:  # of ssl, too; some of those are ValueErrors besides
            wrong = fault(self._url)
            if wrong is None:
                raise
            raise wrong from error
        except (ValueError, KeyError) as error:  # also that there is no such OS user
            # Neither its text nor its traceback may show the URL.
            raise fault(self._url) or meaningless(self._url, error) from None

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return unavailable(redacted(self._url), error)

    async def close(self) -> None:
        """Close all connections; a unit that still runs loses its own."""
        if self._pool is not None:
            self._pool.terminate()
