"""A connection of the bench's own, and what it is asked, from sync code.

One asyncio loop serves it and the clients that a bench opens: `run` carries a coroutine there.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg

from runtime import sql
from runtime.database_url import for_driver

T = TypeVar("T")


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed: with it asyncpg is quicker."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def connect(url: str, namespace: str) -> Any:
    """A connection outside any pool, for the tables of a namespace."""
    settings = {"search_path": f'"{namespace}", pg_catalog', "application_name": "headrace-bench"}
    return await asyncpg.connect(for_driver(url), server_settings=settings)


class Database:
    """A connection and its loop, for as long as the block lasts."""

    def __init__(self, url: str, namespace: str = "public") -> None:
        self.url = url
        self.namespace = namespace
        self._runner = asyncio.Runner(loop_factory=new_loop)
        self._connection: Any = None

    def __enter__(self) -> Database:
        self._runner.__enter__()
        try:
            self._connection = self.run(connect(self.url, self.namespace))
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._connection.terminate()
        finally:
            self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def rows(self, statement: str, *values: object) -> list[Any]:
        """The rows of `bench_<statement>.sql`."""
        return self.ask(f"bench_{statement}", *values)

    def ask(self, statement: str, *values: object) -> list[Any]:
        """The rows of `<statement>.sql`."""
        found: list[Any] = self.run(self._connection.fetch(sql.load(statement), *values))
        return found

    def row(self, statement: str, *values: object) -> Any:
        """Its only row."""
        (row,) = self.rows(statement, *values)
        return row

    def value(self, statement: str, *values: object) -> Any:
        """The only value of its only row."""
        return self.row(statement, *values)[0]

    def execute(self, text: str, seconds: float | None = None) -> None:
        """A statement without parameters and rows, as text from `sql.load`.

        Raises: TimeoutError: it took longer, and was cancelled.
        """
        self.run(self._connection.execute(text, timeout=seconds))
