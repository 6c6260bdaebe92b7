"""What `client.jobs` does: looks at many jobs. How it changes many is in `jobs_bulk`.

Rules: a look is a transaction of its own, planned for the filter that it is given. A page's cursor
is the place of its last job in an order that no change of the jobs turns around, so the next page
neither repeats nor leaves out a job that stayed where it was; no page costs more than the first.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
import attrs

from runtime import sql
from runtime.client.database import Connection, Database
from runtime.client.rows import job_of
from runtime.client.statements import statement
from runtime.client.unsealed import unsealed
from runtime.codec.sealer import PLAIN, Sealer
from runtime.errors import UsageError
from runtime.job import Job
from runtime.job_filter import JobFilter, values_of
from runtime.lifecycle import FINAL_STATES, JobState

Order = Literal["newest", "finalized"]

MOST_LISTED = 10_000  # jobs in a page; each with its args and output
DEFAULT_PAGE = 50
# Whoever asks how many jobs fit wants to know whether it is few or many: to count 10,000 takes some
# 10 ms.
DEFAULT_COUNTED = 10_000
# The sums of so many rows take a millisecond to read.
FOLD_FROM_ROWS = 1_000

logger = logging.getLogger("headrace")


@attrs.frozen
class JobPage:
    """Some jobs, without failures, and where the next page begins; None: there is none."""

    jobs: tuple[Job, ...]
    cursor: str | None

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


class JobWork:
    """See the module's docstring. All methods raise StoreUnavailable and SchemaNotMigrated."""

    def __init__(self, database: Database, sealer: Sealer = PLAIN) -> None:
        self.database = database
        self._sealer = sealer

    async def get_many(self, job_ids: Sequence[UUID]) -> dict[UUID, Job]:
        """The jobs that there are, without failures, in the order of the ids."""
        wanted = list(dict.fromkeys(job_ids))
        text = sql.load("jobs_by_id")
        rows = await self.database.run(lambda conn: conn.fetch(text, wanted))
        found = {row["id"]: self._shown(row) for row in rows}
        return {job_id: found[job_id] for job_id in wanted if job_id in found}

    async def page(
        self, wanted: JobFilter, limit: int, cursor: str | None, order: Order
    ) -> JobPage:
        """A page of jobs. Raises: UsageError, for a cursor that is none."""
        if not 1 <= limit <= MOST_LISTED:
            raise UsageError(f"limit {limit}: list from 1 to {MOST_LISTED:,} jobs at once")
        if order not in ("newest", "finalized"):
            raise UsageError(f"order {order!r}: give 'newest' or 'finalized'")
        newest = order == "newest"
        place = _newest_place(cursor) if newest else finalized_place(wanted, cursor)
        name = "jobs" if newest else "jobs_finalized"
        rows = await self.freely(wanted, name, *place, limit)
        jobs = tuple(map(self._shown, rows))
        full = len(jobs) == limit
        return JobPage(jobs, _cursor(jobs[-1], newest) if full else None)

    def _shown(self, row: Any) -> Job:
        return unsealed(job_of(row, ()), self._sealer)

    async def count(self, wanted: JobFilter, at_most: int | None) -> dict[JobState, int]:
        """How many jobs fit, by state; it stops counting at `at_most`."""
        rows = await self.freely(wanted, "jobs_tally", at_most)
        return {JobState(row["state"]): row["jobs"] for row in rows}

    async def counts(self) -> dict[tuple[str, JobState], int]:
        """How many jobs there are, by queue and state, at no cost that grows with their number."""
        rows = await self.database.run(lambda conn: conn.fetch(sql.load("job_counts")))
        await self.database.run(self._fold)
        return {(row["queue"], JobState(row["state"])): row["jobs"] for row in rows}

    async def recount(self) -> int:
        """See `Jobs.recount`."""

        async def unit(connection: Connection) -> int:
            async with connection.transaction():
                await connection.fetch(sql.load("job_recount_lock"))
                await connection.fetch(sql.load("plan_freely"))
                return len(await connection.fetch(sql.load("job_recount")))

        return await self.database.run(unit)

    async def _fold(self, connection: Connection) -> None:
        """Where no node folds what is counted, whoever reads it does."""
        try:
            await connection.fetch(sql.load("job_count_fold"), FOLD_FROM_ROWS)
        except asyncpg.InsufficientPrivilegeError:
            logger.debug("may not fold the counts of jobs")

    async def freely(self, wanted: JobFilter, name: str, *values: Any) -> list[Any]:
        """The rows of a statement of this filter, planned for what is given."""

        async def unit(connection: Connection) -> list[Any]:
            async with connection.transaction():
                await connection.fetch(sql.load("plan_freely"))
                resolved = await self.resolved(connection, wanted)
                rows: list[Any] = await connection.fetch(
                    sql.load(name), *values_of(resolved), *values
                )
                return rows

        return await self.database.run(unit)

    async def resolved(self, connection: Connection, wanted: JobFilter) -> JobFilter:
        """The filter, with its ages counted back from the database's now."""
        if not wanted.has_ages:
            return wanted
        return wanted.at(await self.now(connection))

    async def now(self, connection: Connection) -> datetime:
        """The database's."""
        now: datetime = await connection.fetchval(statement("now", self.database.namespace))
        return now


def _cursor(last: Job, newest: bool) -> str:
    if newest:
        return str(last.id)
    assert last.finalized_at is not None
    return f"{last.finalized_at.isoformat()}/{last.id}"


def _newest_place(cursor: str | None) -> tuple[UUID | None]:
    return (None if cursor is None else _id_of(cursor, cursor),)


def finalized_place(
    wanted: JobFilter, cursor: str | None
) -> tuple[list[str], datetime | None, UUID | None]:
    """The states that are asked for, and the place that a cursor by end means.

    Raises: UsageError.
    """
    states = [state.value for state in _final_states(wanted.state)]
    if cursor is None:
        return states, None, None
    time, _, job_id = cursor.partition("/")
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        raise _no_cursor(cursor) from None
    if at.tzinfo is None:
        raise _no_cursor(cursor)
    return states, at, _id_of(job_id, cursor)


def _final_states(wanted: Iterable[JobState]) -> list[JobState]:
    chosen = [state for state in JobState if state in FINAL_STATES]
    asked = set(wanted)
    return [state for state in chosen if not asked or state in asked]


def _id_of(text: str, cursor: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _no_cursor(cursor) from None


def _no_cursor(cursor: str) -> UsageError:
    return UsageError(
        f"{cursor!r:.200} is no cursor of this order: give the one of the page before"
    )
