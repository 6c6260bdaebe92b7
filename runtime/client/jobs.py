"""What `client.jobs` does: looks at many jobs, and changes many at once."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from runtime import sql
from runtime.client.database import Database
from runtime.client.rows import job_of
from runtime.job import Job


class JobWork:
    """See the module's docstring. All methods raise StoreUnavailable and SchemaNotMigrated."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_many(self, job_ids: Iterable[UUID]) -> dict[UUID, Job]:
        """The jobs that there are, without failures, in the order of the ids."""
        wanted = list(dict.fromkeys(job_ids))
        text = sql.load("jobs_by_id")
        rows = await self._database.run(lambda conn: conn.fetch(text, wanted))
        found = {row["id"]: job_of(row, ()) for row in rows}
        return {job_id: found[job_id] for job_id in wanted if job_id in found}
