"""An app to enqueue from, and a look at what was written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from runtime import App

app = App("tests")
other_app = App("other", namespace="other")
absent_app = App("absent", namespace="absent")


@dataclass
class Picture:
    path: str
    width: int


@app.job
def thumbnail(path: str, width: int = 256) -> Picture:
    return Picture(path, width)


@app.job(queue="slow", timeout=3)
async def film(path: str) -> int:
    return len(path)


@other_app.job(kind="thumbnail")
def thumbnail_elsewhere(path: str) -> None: ...


@absent_app.job(kind="thumbnail")
def thumbnail_nowhere(path: str) -> None: ...


def paths(url: str, namespace: str = "headrace") -> list[str]:
    """The `path` of all jobs that are committed, in order of their ids."""
    query = f"SELECT args->>'path' FROM {namespace}.job ORDER BY id"
    return [row[0] for row in rows(url, query)]


async def seen(condition: Callable[[], object]) -> None:
    """Return once the condition holds; under asyncio. It fails after 20 s."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.005)


def listening(url: str) -> bool:
    """Whether a client listens for ended jobs."""
    query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE %s"
    return bool(rows(url, query, "LISTEN%"))


def rows(url: str, query: str, *args: Any) -> list[tuple[Any, ...]]:
    """What a query finds."""
    with psycopg.connect(url, autocommit=True) as conn:
        return conn.execute(query.encode(), args or None).fetchall()
