"""What `client.dead` does: looks at dead letters, the discarded jobs, with their last failures.

Rules: a dead letter is a job's row and nothing besides, so it is found, retried and pruned as any
other. An export goes in the order in which jobs were discarded, and each of its lines has a cursor
behind which another export goes on: also tomorrow, with what was discarded since. Jobs that are
discarded in the moment of an export may come to stand in front of its cursor: one that is to miss
nothing ends some seconds ago, by `JobFilter(finalized_until=timedelta(seconds=5))`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import attrs
import msgspec

from runtime import sql
from runtime.client.jobs import MOST_LISTED, JobPage, JobWork, finalized_place
from runtime.client.rows import job_of
from runtime.client.unsealed import unsealed
from runtime.errors import UsageError
from runtime.job import FailureRow, Job
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState

_DEAD = (JobState.DISCARDED,)


@attrs.frozen
class DeadLetter:
    """A discarded job with its last failure, and the cursor behind it."""

    job: Job
    cursor: str

    def line(self) -> str:
        """As one line of JSON: the fields of the job, and its cursor."""
        fields = {name: getattr(self.job, name) for name in self.job.__struct_fields__}
        return msgspec.json.encode({**fields, "cursor": self.cursor}).decode()


def of_dead(wanted: JobFilter) -> JobFilter:
    """The filter, of discarded jobs alone. Raises: UsageError, if it asks for others."""
    if wanted.state not in ((), _DEAD):
        raise UsageError("dead letters are discarded jobs: give no other state")
    return attrs.evolve(wanted, state=_DEAD)


class DeadWork(JobWork):
    """See the module's docstring."""

    async def letters(self, wanted: JobFilter, limit: int, cursor: str | None) -> JobPage:
        """A page of discarded jobs, those that were discarded last first."""
        page = await self.page(of_dead(wanted), limit, cursor, "finalized")
        failures = await self._last_failures([job.id for job in page.jobs])
        jobs = tuple(_with(job, failures.get(job.id)) for job in page.jobs)
        return JobPage(jobs, page.cursor)

    async def export(self, wanted: JobFilter, limit: int, cursor: str | None) -> list[DeadLetter]:
        """The next ones behind a cursor, those that were discarded first first."""
        if not 1 <= limit <= MOST_LISTED:
            raise UsageError(f"page {limit}: export from 1 to {MOST_LISTED:,} jobs at once")
        dead = of_dead(wanted)
        _, at, after = finalized_place(dead, cursor)
        rows = await self.freely(dead, "dead", at, after, limit)
        failures = await self._last_failures([row["id"] for row in rows])
        return [self._letter(row, failures.get(row["id"])) for row in rows]

    def _letter(self, row: Any, failure: FailureRow | None) -> DeadLetter:
        job = _with(unsealed(job_of(row, ()), self._sealer), failure)
        assert job.finalized_at is not None
        return DeadLetter(job, f"{job.finalized_at.isoformat()}/{job.id}")

    async def _last_failures(self, job_ids: Sequence[UUID]) -> dict[UUID, FailureRow]:
        text = sql.load("dead_failures")
        rows = await self.database.run(lambda conn: conn.fetch(text, job_ids))
        return {row["job_id"]: _failure_of(row) for row in rows}


def _failure_of(row: Any) -> FailureRow:
    fields = dict(row)
    del fields["job_id"]
    return FailureRow(**fields)


def _with(job: Job, failure: FailureRow | None) -> Job:
    return job if failure is None else msgspec.structs.replace(job, failures=(failure,))
