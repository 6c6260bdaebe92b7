"""What `client.queues` does: limits over all nodes, pauses, and what running nodes serve."""

from __future__ import annotations

from typing import Any

import attrs

from runtime import sql
from runtime.client.database import Database
from runtime.config.queues import ANY_QUEUE, QueueLimit
from runtime.errors import UsageError
from runtime.handler_options import check_name
from runtime.limits import Queue, QueueLimits, Rate
from runtime.retention import Kept

Queues = list[Queue]
Names = list[str]
Rows = list[dict[str, Any]]


class QueueWork:
    """See the module's docstring. All methods raise StoreUnavailable and SchemaNotMigrated."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> Queues:
        """All known queues, by name."""
        limits = await self.limits()
        rows = await self._rows("queues")
        return [Queue(**dict(row.items()), limits=limits.get(row["name"])) for row in rows]

    async def limits(self) -> dict[str, QueueLimits]:
        """The limits of those queues that have any."""
        return {row["name"]: _limits_of(row) for row in await self._rows("queue_limits")}

    async def limit(self, queue: str, limits: QueueLimits) -> None:
        """Set all limits of a queue at once."""
        rate = limits.rate
        ways: tuple[Any, ...] = (None, None, None, False)
        if rate is not None:
            ways = (rate.count, float(rate.per), rate.burst, rate.per_key)
        await self._rows(
            "queue_limit",
            _checked(queue),
            limits.concurrency,
            limits.per_key,
            *ways,
            bool(limits.fair),
        )

    async def keep(self, queue: str, kept: Kept) -> None:
        """Set the retention of all final states at once."""
        await self._rows("queue_keep", _checked(queue), *attrs.astuple(kept))

    async def kept(self) -> dict[str, Kept]:
        """The retention of those queues that have one of their own."""
        return {row.pop("name"): Kept(**row) for row in await self._rows("queue_kept")}

    async def pause(self, queue: str) -> None:
        """Stop claims; `*`: from all known queues."""
        known = [row["name"] for row in await self._rows("queues")] if queue == ANY_QUEUE else []
        await self._rows("pause", known if queue == ANY_QUEUE else [check_name("queue", queue)])

    async def resume(self, queue: str) -> None:
        """Undo pause."""
        await self._rows("resume", check_name("queue", queue))

    async def add(self, queue: str, node: str | None) -> Names:
        """Have nodes serve a queue besides."""
        try:
            parsed = QueueLimit.parse(queue)
        except (TypeError, ValueError):
            raise UsageError(
                f"not a queue to serve: {queue!r}; it is name[:limit][:weight=n]"
            ) from None
        return await self._assign(parsed.name, str(parsed), node)

    async def remove(self, queue: str, node: str | None) -> Names:
        """Have nodes serve a queue no more."""
        return await self._assign(check_name("queue", queue), None, node)

    async def _assign(self, name: str, served: str | None, node: str | None) -> Names:
        found = [row["name"] for row in await self._rows("queue_assign", name, served, node)]
        if not found:
            raise UsageError(
                "no node lives" if node is None else f"no node of the name {node!r} lives"
            )
        return sorted(found)

    async def _rows(self, name: str, *values: object) -> Rows:
        text = sql.load(name)
        found = await self._database.run(lambda conn: conn.fetch(text, *values))
        return [dict(row.items()) for row in found]


def _checked(queue: str) -> str:
    if queue == ANY_QUEUE:
        raise UsageError("limits and retention are of one queue; * is none")
    return check_name("queue", queue)


def _limits_of(row: dict[str, Any]) -> QueueLimits:
    rate = None
    if row["rate_count"] is not None:
        rate = Rate(
            row["rate_count"],
            per=row["rate_seconds"],
            burst=row["rate_burst"],
            per_key=row["rate_per_key"],
        )
    return QueueLimits(
        concurrency=row["concurrency"],
        per_key=row["per_key"],
        rate=rate,
        fair=row["fair"],
    )
