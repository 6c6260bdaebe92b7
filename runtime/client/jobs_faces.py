"""`client.jobs`: for sync code, and for asyncio and trio."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from runtime.client.groups import AsyncGroup, SyncGroup
from runtime.client.jobs import JobWork
from runtime.job import Job


class Jobs(SyncGroup[JobWork]):
    """Look at many jobs, and change many at once."""

    def get_many(self, job_ids: Iterable[UUID]) -> dict[UUID, Job]:
        """The jobs that there are, without failures, in the order of the ids."""
        wanted = list(job_ids)
        return self._call(lambda work: work.get_many(wanted))


class AsyncJobs(AsyncGroup[JobWork]):
    """As `Jobs`."""

    async def get_many(self, job_ids: Iterable[UUID]) -> dict[UUID, Job]:
        """As `Jobs.get_many`."""
        wanted = list(job_ids)
        return await self._call(lambda work: work.get_many(wanted))
