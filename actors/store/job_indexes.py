"""Optional indexes of the table job, for those who often look for jobs by what only they find.

Rule: none is there unless somebody asked for it, since each job pays for each index three times: at
its enqueue, its claim and its ack. They are built while nodes serve. There is none by kind or
queue: a claim might be planned by it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import attrs

from actors.store.bridge import Bridge, Connection
from actors.store.migrate.apply import named
from runtime import sql
from runtime.errors import ConfigError

IndexedBy = Literal["args", "metadata", "tags"]
INDEXED_BY: tuple[IndexedBy, ...] = ("args", "metadata", "tags")

# Longer than any build takes, so that only a dead network meets it.
BUILD_SECONDS = 86_400.0


@attrs.frozen
class JobIndex:
    """An optional index. `valid`: False, if its build was interrupted; make it again."""

    by: str
    valid: bool
    bytes: int


async def list_indexes(bridge: Bridge) -> list[JobIndex]:
    """Those that there are."""
    rows = await bridge.run(lambda connection: connection.fetch(sql.load("job_indexes")))
    return [
        JobIndex(row["name"].removeprefix("job_by_"), row["valid"], row["bytes"]) for row in rows
    ]


async def create_index(bridge: Bridge, by: IndexedBy) -> bool:
    """Build one, or build anew what an interrupted build has left. False: it was there.

    Raises: ConfigError: behind a transaction pooler. StoreUnavailable, DatabaseError.
    """
    found = {index.by: index for index in await list_indexes(bridge)}
    if by in found and found[by].valid:
        return False
    if by in found:
        await drop_index(bridge, by)
    await _outside(bridge, lambda connection: connection.fetch(sql.load(f"job_index_{by}")))
    return True


async def drop_index(bridge: Bridge, by: IndexedBy) -> bool:
    """Drop one. False: it was not there."""
    found = {index.by for index in await list_indexes(bridge)}
    text = named("migrate_drop_index", index=f"job_by_{by}")
    await _outside(bridge, lambda connection: connection.fetch(text))
    return by in found


async def _outside(bridge: Bridge, unit: Callable[[Connection], Awaitable[object]]) -> None:
    if bridge.pooler:
        raise ConfigError("a transaction pooler cannot build indexes: give the database's address")
    await bridge.run(unit, timeout_seconds=BUILD_SECONDS)
