"""Time travel, for a database: `advance` and `travel_to`.

PostgreSQL's clock cannot be set, nor stopped; a clock of our own, which tests could set, would cost
every claim. So the rows are moved instead: every time that is written in the namespace becomes so
much earlier, and jobs, schedules, deadlines, periods and limits then find that so much time has
passed. Rules: a row's times are not those any more that the test has written; their distances to
one another and to now are. Leases, terms and waiters stay, so nodes that serve go on serving.
Your own tables are yours to move. Time goes on meanwhile: nothing here freezes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import asyncpg

from runtime import sql
from runtime.client.thread import LoopThread
from runtime.database_url import for_driver
from runtime.errors import UsageError
from runtime.handler_options import DEFAULT_NAMESPACE, Seconds, check_namespace, seconds_of

T = TypeVar("T")

_LONGEST_SECONDS = 100 * 365.25 * 86_400.0


def advance(url: str, by: Seconds, *, namespace: str = DEFAULT_NAMESPACE) -> None:
    """Let time pass in a database: seconds or a timedelta. See the module. Raises: UsageError."""
    seconds = seconds_of("by", by)
    if seconds is None or seconds > _LONGEST_SECONDS:
        raise UsageError(f"advance by {by!r}: give 0 to {_LONGEST_SECONDS:,.0f} seconds")
    text = sql.load("test_travel")
    text = text.replace("headrace", check_namespace(namespace)).replace("0.0", f"{seconds:.6f}")
    on_connection(url, lambda connection: connection.execute(text))


def travel_to(url: str, moment: datetime, *, namespace: str = DEFAULT_NAMESPACE) -> timedelta:
    """Let time pass until what is set for `moment` is due now. Returns how much that was.

    What was set for other moments keeps its distance to it; so travel on with `advance`.
    Raises: UsageError, for a time that has passed or has no time zone.
    """
    if moment.utcoffset() is None:
        raise UsageError(f"travel_to takes a datetime with a time zone, not {moment!r}")
    now = on_connection(url, lambda connection: connection.fetchval(sql.load("test_now")))
    if moment < now:
        raise UsageError(f"{moment} has passed: it is {now}")
    left: timedelta = moment - now
    advance(url, left, namespace=namespace)
    return left


def on_connection(url: str, step: Callable[[Any], Awaitable[T]]) -> T:
    """Await something of a connection, whatever loop the test has."""

    async def use() -> T:
        connection = await asyncpg.connect(dsn=for_driver(url), timeout=30.0)
        try:
            return await step(connection)
        finally:
            connection.terminate()

    async def nothing_more() -> None:
        """The connection has gone already."""

    thread = LoopThread(nothing_more)
    try:
        return thread.call(use)
    finally:
        thread.stop()
