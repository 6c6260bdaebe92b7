"""What `client.schedules` does: adds schedules, shows, changes and deletes them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec

from runtime import sql
from runtime.client.database import Database
from runtime.codec.sealer import Sealer
from runtime.errors import CodecError, ScheduleExists, ScheduleNotFound, UsageError
from runtime.ids import uuid7
from runtime.readable import readable
from runtime.schedule import Schedule, ScheduleInfo
from runtime.timing import Timing

MOST_NEXT = 1_000
# In one page of a list.
MOST_LISTED = 10_000

Found = list[Schedule]
Times = list[datetime]
Rows = list[Any]


class ScheduleWork:
    """See the module's docstring. All methods raise StoreUnavailable and SchemaNotMigrated; those
    that take a name, ScheduleNotFound."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def create(self, info: ScheduleInfo) -> Schedule:
        """Add a schedule. Raises: ScheduleExists."""
        text = info.as_json().decode()
        # Tried once: a second try could not tell its own row from somebody else's.
        if not await self._rows("schedule_create", text, repeatable=False):
            raise ScheduleExists(info.name)
        return await self.get(info.name)

    async def get(self, name: str) -> Schedule:
        """One schedule."""
        found = await self._rows("schedules", name, 1, None)
        if not found:
            raise ScheduleNotFound(name)
        return self._shown(found[0])

    async def list(self, *, limit: int, after: str | None) -> Found:
        """Schedules by name."""
        if not 1 <= limit <= MOST_LISTED:
            raise UsageError(f"limit is 1 to {MOST_LISTED:,}, not {limit}")
        return [self._shown(row) for row in await self._rows("schedules", None, limit, after)]

    async def update(self, name: str, changes: Mapping[str, Any]) -> Schedule:
        """Change these columns."""
        if changes:
            text = msgspec.json.encode(changes).decode()
            await self._change("schedule_update", name, text)
        return await self.get(name)

    async def pause(self, name: str, paused: bool) -> Schedule:
        """Pause or resume."""
        await self._change("schedule_pause", name, paused)
        return await self.get(name)

    async def delete(self, name: str) -> None:
        """Delete a schedule; its jobs stay."""
        await self._change("schedule_delete", name, repeatable=False)

    async def trigger(self, name: str) -> UUID:
        """Add a job now; its id."""
        job_id = uuid7()
        await self._change("schedule_trigger", name, job_id)
        return job_id

    async def next(self, name: str, count: int) -> Times:
        """Its next firings, as if it were not paused."""
        if not 1 <= count <= MOST_NEXT:
            raise UsageError(f"the number of firings is 1 to {MOST_NEXT:,}, not {count}")
        found = await self._rows("schedules", name, 1, None)
        if not found:
            raise ScheduleNotFound(name)
        return _firings(found[0], count)

    async def _change(self, statement: str, *values: Any, repeatable: bool = True) -> None:
        if not await self._rows(statement, *values, repeatable=repeatable):
            raise ScheduleNotFound(values[0])

    async def _rows(self, statement: str, *values: Any, repeatable: bool = True) -> Rows:
        text = sql.load(statement)
        rows: Rows = await self._database.run(
            lambda connection: connection.fetch(text, *values), repeatable=repeatable
        )
        return rows

    def _shown(self, row: Mapping[str, Any]) -> Schedule:
        fields = dict(row)
        del fields["now"]
        fields["args"] = readable(self._opened(row["args"], row["kind"]))
        fields["metadata"] = readable(row["metadata"])
        fields["tags"] = tuple(fields["tags"])
        if fields["paused_at"] is not None or fields["problem"] is not None:
            fields["next_at"] = None
        elif fields["next_at"] is None:  # the leader is about to write it down
            fields["next_at"] = next(iter(_firings(row, 1)), None)
        return Schedule(**fields)

    def _opened(self, args: str, kind: str) -> str:
        """Args that were sealed, if these keys open them; any job of the kind may have them."""
        with contextlib.suppress(CodecError):
            return self._sealer.unseal("args", args, kind, uuid7())
        return args


def _firings(row: Mapping[str, Any], count: int) -> list[datetime]:
    """From what is planned, or the last change, on; an interval that is paused: from now on.

    Raises: UsageError, for times that can be in SQL alone.
    """
    timing = Timing(
        cron=row["cron"], timezone=row["timezone"], interval_seconds=row["interval_seconds"]
    )
    planned, now = row["next_at"], row["now"]
    if row["paused_at"] is not None:
        return list(islice(timing.all_after(now), count))
    if planned is None:
        return list(islice(timing.all_after(row["updated_at"]), count))
    _, following, _ = timing.due(planned, now, 1)
    if following is None:
        return []
    return [following, *islice(timing.all_after(following), count - 1)]
