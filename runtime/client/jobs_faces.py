"""`client.jobs`: for sync code, and for asyncio and trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Unpack
from uuid import UUID

from runtime.client import jobs_bulk
from runtime.client.groups import AsyncGroup, SyncGroup
from runtime.client.jobs import DEFAULT_COUNTED, DEFAULT_PAGE, JobPage, JobWork, Order
from runtime.client.jobs_bulk import BulkChange, BulkOptions, Change
from runtime.job import Job
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState

_ALL = JobFilter()


class Jobs(SyncGroup[JobWork]):
    """Look at many jobs, and change many at once: those that a `JobFilter` means."""

    def get_many(self, job_ids: Iterable[UUID]) -> dict[UUID, Job]:
        """The jobs that there are, without failures, in the order of the ids."""
        wanted = list(job_ids)
        return self._call(lambda work: work.get_many(wanted))

    def list(
        self,
        wanted: JobFilter = _ALL,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        order: Order = "newest",
    ) -> JobPage:
        """A page of jobs: the newest first, or by `finalized`, those that ended last first.

        cursor: of the page before. Jobs that change meanwhile are neither repeated nor left out.
        Raises: UsageError.
        """
        return self._call(lambda work: work.page(wanted, limit, cursor, order))

    def each(
        self, wanted: JobFilter = _ALL, *, page: int = 1_000, order: Order = "newest"
    ) -> Iterator[Job]:
        """All jobs, page by page."""
        found = self.list(wanted, limit=page, order=order)
        yield from found
        while found.cursor is not None:
            found = self.list(wanted, limit=page, cursor=found.cursor, order=order)
            yield from found

    def count(
        self, wanted: JobFilter = _ALL, *, at_most: int | None = DEFAULT_COUNTED
    ) -> dict[JobState, int]:
        """How many jobs fit, by state. It stops at `at_most` in all; None: it counts them all."""
        return self._call(lambda work: work.count(wanted, at_most))

    def counts(self) -> dict[tuple[str, JobState], int]:
        """How many jobs there are, by queue and state, however many, in a millisecond."""
        return self._call(lambda work: work.counts())

    def recount(self) -> int:
        """Set `counts` right by counting the rows; returns how many were wrong.

        None is, unless somebody wrote jobs while triggers were disabled, as some restores do.
        """
        return self._call(lambda work: work.recount())

    def cancel(
        self,
        wanted: JobFilter,
        *,
        reason: str | None = None,
        force: bool = False,
        **options: Unpack[BulkOptions],
    ) -> BulkChange:
        """Cancel jobs: at once, or, while they run, by asking their nodes to.

        The first reason that a job is given is kept, and its handler is told. Workflows that clean
        up do, but with `force`.
        Options of this and of the next: see `BulkOptions`. Raises: UsageError, BulkInterrupted.
        """
        return self._change(jobs_bulk.cancel(reason, force=force), wanted, options)

    def pause(self, wanted: JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """Hold jobs back; see `Client.pause_job`."""
        return self._change(jobs_bulk.PAUSE, wanted, options)

    def resume(self, wanted: JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """Let paused jobs go on; see `Client.resume_job`."""
        return self._change(jobs_bulk.RESUME, wanted, options)

    def retry(self, wanted: JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """Make jobs that do not run available now, with one more attempt if need be."""
        return self._change(jobs_bulk.RETRY, wanted, options)

    def delete(self, wanted: JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """Delete jobs that do not run."""
        return self._change(jobs_bulk.DELETE, wanted, options)

    def reschedule(
        self,
        wanted: JobFilter,
        *,
        to: datetime | None = None,
        delay: float | timedelta | None = None,
        **options: Unpack[BulkOptions],
    ) -> BulkChange:
        """Have jobs that wait run at another time, or after a delay from now (in seconds)."""
        return self._change(jobs_bulk.reschedule(to, delay), wanted, options)

    def move(
        self,
        wanted: JobFilter,
        *,
        queue: str | None = None,
        priority: int | None = None,
        **options: Unpack[BulkOptions],
    ) -> BulkChange:
        """Give jobs that wait another queue, another priority, or both."""
        return self._change(jobs_bulk.move(queue, priority), wanted, options)

    def _change(self, change: Change, wanted: JobFilter, options: BulkOptions) -> BulkChange:
        return self._drive(jobs_bulk.steps(change, wanted, options))


class AsyncJobs(AsyncGroup[JobWork]):
    """As `Jobs`, for asyncio and trio."""

    async def get_many(self, job_ids: Iterable[UUID]) -> dict[UUID, Job]:
        """As `Jobs.get_many`."""
        wanted = list(job_ids)
        return await self._call(lambda work: work.get_many(wanted))

    async def list(
        self,
        wanted: JobFilter = _ALL,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        order: Order = "newest",
    ) -> JobPage:
        """As `Jobs.list`."""
        return await self._call(lambda work: work.page(wanted, limit, cursor, order))

    async def each(
        self, wanted: JobFilter = _ALL, *, page: int = 1_000, order: Order = "newest"
    ) -> AsyncIterator[Job]:
        """As `Jobs.each`."""
        found = await self.list(wanted, limit=page, order=order)
        for job in found:
            yield job
        while found.cursor is not None:
            found = await self.list(wanted, limit=page, cursor=found.cursor, order=order)
            for job in found:
                yield job

    async def count(
        self, wanted: JobFilter = _ALL, *, at_most: int | None = DEFAULT_COUNTED
    ) -> dict[JobState, int]:
        """As `Jobs.count`."""
        return await self._call(lambda work: work.count(wanted, at_most))

    async def counts(self) -> dict[tuple[str, JobState], int]:
        """As `Jobs.counts`."""
        return await self._call(lambda work: work.counts())

    async def recount(self) -> int:
        """As `Jobs.recount`."""
        return await self._call(lambda work: work.recount())

    async def cancel(
        self,
        wanted: JobFilter,
        *,
        reason: str | None = None,
        force: bool = False,
        **options: Unpack[BulkOptions],
    ) -> BulkChange:
        """As `Jobs.cancel`."""
        return await self._change(jobs_bulk.cancel(reason, force=force), wanted, options)

    async def pause(self, wanted: JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """As `Jobs.pause`."""
        return await self._change(jobs_bulk.PAUSE, wanted, options)

    async def resume(self, wanted: JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """As `Jobs.resume`."""
        return await self._change(jobs_bulk.RESUME, wanted, options)

    async def retry(self, wanted: JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """As `Jobs.retry`."""
        return await self._change(jobs_bulk.RETRY, wanted, options)

    async def delete(self, wanted: JobFilter, **options: Unpack[BulkOptions]) -> BulkChange:
        """As `Jobs.delete`."""
        return await self._change(jobs_bulk.DELETE, wanted, options)

    async def reschedule(
        self,
        wanted: JobFilter,
        *,
        to: datetime | None = None,
        delay: float | timedelta | None = None,
        **options: Unpack[BulkOptions],
    ) -> BulkChange:
        """As `Jobs.reschedule`."""
        return await self._change(jobs_bulk.reschedule(to, delay), wanted, options)

    async def move(
        self,
        wanted: JobFilter,
        *,
        queue: str | None = None,
        priority: int | None = None,
        **options: Unpack[BulkOptions],
    ) -> BulkChange:
        """As `Jobs.move`."""
        return await self._change(jobs_bulk.move(queue, priority), wanted, options)

    async def _change(self, change: Change, wanted: JobFilter, options: BulkOptions) -> BulkChange:
        return await self._drive(jobs_bulk.steps(change, wanted, options))
