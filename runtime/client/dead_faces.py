"""`client.dead`: for sync code, and for asyncio and trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Unpack
from uuid import UUID

from runtime.client import jobs_bulk
from runtime.client.dead import DeadLetter, DeadWork, of_dead
from runtime.client.groups import AsyncGroup, SyncGroup
from runtime.client.jobs import DEFAULT_PAGE, JobPage
from runtime.client.jobs_bulk import BulkChange, BulkOptions
from runtime.job_filter import JobFilter

_ALL = JobFilter()


def _meant(what: UUID | JobFilter) -> JobFilter:
    return of_dead(JobFilter(id=what) if isinstance(what, UUID) else what)


class Dead(SyncGroup[DeadWork]):
    """Dead letters: the jobs that were discarded, each with its last failure."""

    def list(
        self, wanted: JobFilter = _ALL, *, limit: int = DEFAULT_PAGE, cursor: str | None = None
    ) -> JobPage:
        """A page of them, those that were discarded last first. cursor: of the page before.

        A job's `failures` has the last one alone; `client.get` tells all. Raises: UsageError.
        """
        return self._call(lambda work: work.letters(wanted, limit, cursor))

    def retry(self, what: UUID | JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """Make one, or all that a filter means, available now: with one more attempt, a crash
        budget as new, and no deadline, if that is past. See `BulkOptions`; JobFilter() means all.

        Raises: UsageError, BulkInterrupted.
        """
        return self._drive(jobs_bulk.steps(jobs_bulk.RETRY, _meant(what), options))

    def export(
        self, wanted: JobFilter = _ALL, *, cursor: str | None = None, page: int = 1_000
    ) -> Iterator[DeadLetter]:
        """All of them behind `cursor`, those that were discarded first first; `line()` is JSON.

        Each has a cursor, from which a later export goes on. Raises: UsageError.
        """
        while True:
            after = cursor
            letters = self._call(lambda work: work.export(wanted, page, after))  # noqa: B023
            yield from letters
            if len(letters) < page:
                return
            cursor = letters[-1].cursor


class AsyncDead(AsyncGroup[DeadWork]):
    """As `Dead`, for asyncio and trio."""

    async def list(
        self, wanted: JobFilter = _ALL, *, limit: int = DEFAULT_PAGE, cursor: str | None = None
    ) -> JobPage:
        """As `Dead.list`."""
        return await self._call(lambda work: work.letters(wanted, limit, cursor))

    async def retry(self, what: UUID | JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """As `Dead.retry`."""
        return await self._drive(jobs_bulk.steps(jobs_bulk.RETRY, _meant(what), options))

    async def export(
        self, wanted: JobFilter = _ALL, *, cursor: str | None = None, page: int = 1_000
    ) -> AsyncIterator[DeadLetter]:
        """As `Dead.export`."""
        while True:
            after = cursor
            letters = await self._call(lambda work: work.export(wanted, page, after))  # noqa: B023
            for letter in letters:
                yield letter
            if len(letters) < page:
                return
            cursor = letters[-1].cursor
