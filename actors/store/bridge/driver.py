"""The only importer of asyncpg and trio_asyncio in `actors`: connecting, and what errors mean.

Rules: trio_asyncio is imported when it is asked for, and not before (on Python 3.14 it cannot be;
in any process it makes plain asyncio slower). An error that leaves this package is one of ours.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

import asyncpg

from actors.store.bridge.port import Connection, Settings
from actors.store.errors import DatabaseError, is_unavailable
from runtime.database_url import connect_seconds, for_driver, meaningless, redacted
from runtime.errors import ConfigError
from runtime.tls import fault, unavailable

APPLICATION_NAME = "headrace"
# Statements kept prepared on a connection: the Store has some thirty, each with few forms.
STATEMENT_CACHE_SIZE = 200


class RawConnection(Connection, Protocol):
    """asyncpg's connection as the pool and the listener use it."""

    def is_closed(self) -> bool: ...
    def is_in_transaction(self) -> bool: ...
    def terminate(self) -> None: ...
    async def close(self, *, timeout: float | None = None) -> None: ...
    async def reset(self, *, timeout: float | None = None) -> None: ...
    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None: ...
    def add_termination_listener(self, callback: Callable[..., None]) -> None: ...


async def connect(settings: Settings) -> RawConnection:
    """A new connection. Raises: StoreUnavailable; DatabaseError, refused; ConfigError, the URL."""
    server_settings = {"application_name": APPLICATION_NAME}
    if not settings.pooler:
        server_settings.update(settings.session)
    try:
        connection = await asyncpg.connect(
            for_driver(settings.url),
            timeout=connect_seconds(settings.url),
            statement_cache_size=0 if settings.pooler else STATEMENT_CACHE_SIZE,
            server_settings=server_settings,
        )
    except OSError as error:  # of ssl, too; some of those are ValueErrors besides
        raise fault(settings.url) or unavailable(redacted(settings.url), error) from error
    except (ValueError, KeyError) as error:  # its errors of configuration; no such OS user
        # Neither its text nor its traceback may show the URL.
        raise fault(settings.url) or meaningless(settings.url, error) from None
    except Exception as error:
        raise translated(error, redacted(settings.url)) from error
    return cast("RawConnection", connection)


def translated(error: Exception, where: str, *, closed: bool = True) -> Exception:
    """Our word for an error of the driver or the operating system; others come back unchanged.

    Args: where: the database, without its password. closed: whether the connection is gone, which
    the driver reports as a misuse.
    """
    if isinstance(error, asyncpg.PostgresError):
        return _translated_refusal(error, where)
    if isinstance(error, OSError | EOFError | asyncpg.InternalClientError):
        return unavailable(where, error)
    if isinstance(error, asyncpg.InterfaceError):
        return unavailable(where, error) if closed else DatabaseError("", str(error))
    return error


def _translated_refusal(error: asyncpg.PostgresError, where: str) -> Exception:
    sqlstate: str = error.sqlstate or ""
    if is_unavailable(sqlstate):
        return unavailable(where, error)
    return DatabaseError(sqlstate, error.message or str(error), error.constraint_name, error.detail)


def open_trio_loop() -> AbstractAsyncContextManager[asyncio.AbstractEventLoop]:
    """trio-asyncio's loop. Raises: ConfigError where the library cannot be imported."""
    try:
        with warnings.catch_warnings():
            # From 3.12 on it uses what asyncio will drop. A warning made an error would cut the
            # import in the middle, with half of asyncio replaced.
            warnings.simplefilter("ignore", DeprecationWarning)
            import trio_asyncio  # not before: see the module's rules
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            "bridge trio-asyncio: the library cannot be imported by this Python; use bridge thread"
        ) from error
    loop: Any = trio_asyncio.open_loop()
    return cast("AbstractAsyncContextManager[asyncio.AbstractEventLoop]", loop)
