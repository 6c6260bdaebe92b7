"""A part of the caller's transaction that is undone alone if it fails, by SAVEPOINT.

For libraries without such a bracket of their own, or whose own would commit a transaction that the
caller has not begun in words. Outside of a transaction it is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from runtime.client.failures import sqlstate
from runtime.client.statements import statement
from runtime.errors import UsageError
from runtime.handler_options import DEFAULT_NAMESPACE

_NO_TRANSACTION = "25P01"  # no_active_sql_transaction


def _text(name: str) -> str:
    return statement(name, DEFAULT_NAMESPACE)


def _refusal(error: Exception) -> Exception:
    if sqlstate(error) == _NO_TRANSACTION:
        return UsageError("so many jobs at once need a transaction, and this connection is in none")
    return error


@contextmanager
def savepoint(execute: Callable[[str], object]) -> Iterator[None]:
    """Undo what the block did if it raises. Raises: UsageError, outside of a transaction."""
    try:
        execute(_text("savepoint"))
    except Exception as error:
        raise _refusal(error) from error
    try:
        yield
    except BaseException:
        execute(_text("undo"))
        raise
    execute(_text("keep"))


@asynccontextmanager
async def async_savepoint(execute: Callable[[str], Awaitable[object]]) -> AsyncIterator[None]:
    """As `savepoint`."""
    try:
        await execute(_text("savepoint"))
    except Exception as error:
        raise _refusal(error) from error
    try:
        yield
    except BaseException:
        await execute(_text("undo"))
        raise
    await execute(_text("keep"))
