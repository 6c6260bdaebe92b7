"""What `client.codec` does: seals anew what an older key or other layers have sealed.

    a page of jobs, by id ─▶ unseal, seal ─▶ write those that changed ─▶ the next page

Rules: each page is two statements, and no transaction is open between them; a payload that changed
meanwhile is left alone, for whoever wrote it has the keys of today. What cannot be opened is left
and counted. What is plain stays plain. Repeatable: what was rotated is found to be so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import attrs

from runtime import sql
from runtime.client.database import Connection, Database
from runtime.client.rotation_workflows import rotate_workflows
from runtime.codec.sealer import Sealer
from runtime.errors import CodecError, UsageError

# Jobs in a page: some milliseconds for the database, and 4 MB of payloads where each has 4 KB.
PAGE_JOBS = 1_000
_MOST_PAGE_JOBS = 10_000
_BEFORE_ALL = UUID(int=0)


@attrs.define
class Rotated:
    """What a rotation did: jobs looked at, payloads written anew, those that no key here opens.

    Attributes: workflows: payloads of steps, published values, signals and events.
    """

    jobs: int = 0
    args: int = 0
    outputs: int = 0
    schedules: int = 0
    workflows: int = 0
    unreadable: int = 0
    first_error: str = ""


@attrs.define
class _Fresh:
    """A job's payloads, as read and anew; None: left as they are."""

    job_id: UUID
    old_args: str | None = None
    args: str | None = None
    old_output: str | None = None
    output: str | None = None


class CodecWork:
    """See the module's docstring. All methods raise StoreUnavailable and SchemaNotMigrated."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def rotate(self, page_jobs: int = PAGE_JOBS) -> Rotated:
        """See Codecs.rotate. Raises: UsageError, ConfigError."""
        if not 1 <= page_jobs <= _MOST_PAGE_JOBS:
            raise UsageError(f"a page is of 1 to {_MOST_PAGE_JOBS:,} jobs, not {page_jobs!r}")
        if not self._sealer:
            raise UsageError("this client's app has no codec: there is nothing to seal with")
        self._sealer.prepare()
        done = Rotated()
        after: UUID | None = _BEFORE_ALL
        while after is not None:
            after = await self._page(after, page_jobs, done)
        await self._schedules(done)
        reseal = partial(self._resealed, done=done)
        done.workflows = await rotate_workflows(self._database, reseal, page_jobs)
        return done

    async def _page(self, after: UUID, size: int, done: Rotated) -> UUID | None:
        """One page; the last id of it, if there may be more."""
        text = sql.load("codec_page")
        rows = await self._database.run(lambda connection: connection.fetch(text, after, size))
        fresh = [found for row in rows if (found := self._fresh(row, done)) is not None]
        if fresh:
            await self._database.run(lambda connection: _write(connection, fresh))
        done.jobs += len(rows)
        return rows[-1]["id"] if len(rows) == size else None

    def _fresh(self, row: Any, done: Rotated) -> _Fresh | None:
        fresh = _Fresh(row["id"])
        args, output = (
            self._resealed(field, row[field], row["kind"], row["id"], done)
            for field in ("args", "output")
        )
        if args is not None:
            fresh.old_args, fresh.args = row["args"], args
            done.args += 1
        if output is not None:
            fresh.old_output, fresh.output = row["output"], output
            done.outputs += 1
        return None if args is None and output is None else fresh

    async def _schedules(self, done: Rotated) -> None:
        found, write = sql.load("codec_schedules"), sql.load("codec_schedule")
        for row in await self._database.run(lambda connection: connection.fetch(found)):
            fresh = self._resealed("args", row["args"], row["kind"], _BEFORE_ALL, done)
            if fresh is not None:
                values = row["name"], row["args"], fresh
                await self._database.run(partial(_fetch, statement=write, values=values))
                done.schedules += 1

    def _resealed(
        self, field: str, text: str | None, kind: str, job_id: UUID, done: Rotated
    ) -> str | None:
        if text is None:
            return None
        try:
            return self._sealer.resealed(field, text, kind, job_id)
        except CodecError as error:
            done.unreadable += 1
            done.first_error = done.first_error or str(error)
            return None


async def _fetch(connection: Connection, *, statement: str, values: Sequence[Any]) -> None:
    await connection.fetch(statement, *values)


async def _write(connection: Connection, fresh: list[_Fresh]) -> None:
    columns = zip(*(attrs.astuple(each) for each in fresh), strict=True)
    await connection.fetch(sql.load("codec_write"), *map(list, columns))
