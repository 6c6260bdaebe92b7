"""Looking at a database from outside, with psycopg: sessions, and ending them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import trio

# Seconds until a wait for a condition fails the test.
WAIT = 20.0


def query(url: str, statement: str, *args: object) -> list[tuple[Any, ...]]:
    """The rows of a statement, run on a connection of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), args or None)
        return cursor.fetchall() if cursor.description else []


def sessions(url: str, condition: str = "true") -> list[int]:
    """The process ids of this database's sessions that Headrace opened, by a SQL condition."""
    rows = query(
        url,
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        f" AND application_name = 'headrace' AND {condition} ORDER BY backend_start",
    )
    return [row[0] for row in rows]


def end_sessions(url: str, condition: str = "true") -> int:
    """End sessions as an administrator would; returns how many."""
    pids = sessions(url, condition)
    query(url, "SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid", pids)
    return len(pids)


async def until(condition: Callable[[], object], seconds: float = WAIT) -> None:
    """Return once the condition holds; fail the test if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await trio.sleep(0.005)
