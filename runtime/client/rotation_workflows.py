"""What `client.codec.rotate` does for workflows: steps, published values, signals and events.

Rules: as of `runtime.client.rotation`, for each table a page at a time, and each payload that needs
it by a statement of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import attrs

from runtime import sql
from runtime.client.database import Connection, Database

Reseal = Callable[[str, str | None, str, UUID], str | None]
"""Field, text, kind and job: the text as it is sealed today, or None: leave it."""

_BEFORE_ALL = UUID(int=0)


@attrs.frozen
class _Table:
    """A table that holds payloads; `field`, as what they are sealed; `first`, before all parts."""

    name: str
    field: str
    first: str = ""


_TABLES = (
    _Table("step", "step"),
    _Table("published", "step"),
    _Table("signal", "signal", str(_BEFORE_ALL)),
    _Table("happening", "event"),
)


async def rotate_workflows(database: Database, reseal: Reseal, page_rows: int) -> int:
    """How many payloads were written anew."""
    written = 0
    for table in _TABLES:
        written += await _rotate(database, table, reseal, page_rows)
    return written


async def _rotate(database: Database, table: _Table, reseal: Reseal, size: int) -> int:
    page, write = sql.load(f"codec_{table.name}_page"), sql.load(f"codec_{table.name}")
    after: tuple[UUID, str] = (_BEFORE_ALL, table.first)
    written = 0
    while True:
        rows = await database.run(partial(_fetch, text=page, values=(*after, size)))
        for row in rows:
            fresh = reseal(table.field, row["payload"], row["kind"], row["job_id"])
            if fresh is not None:
                values = row["job_id"], row["part"], row["payload"], fresh
                written += len(await database.run(partial(_fetch, text=write, values=values)))
        if len(rows) < size:
            return written
        after = rows[-1]["job_id"], rows[-1]["part"]


async def _fetch(connection: Connection, *, text: str, values: tuple[Any, ...]) -> list[Any]:
    return list(await connection.fetch(text, *values))
