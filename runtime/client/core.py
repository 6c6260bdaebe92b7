"""What all clients with a pool do, as coroutines in one asyncio loop. The clients wrap it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from runtime import sql
from runtime.client.database import Connection, Database
from runtime.client.entries import Written, written_of
from runtime.client.following import Following
from runtime.client.results import Progress
from runtime.client.rows import MAX_FAILURES, job_of
from runtime.client.statements import enqueue_statement
from runtime.client.unsealed import unsealed
from runtime.client.waiting import Waiting
from runtime.codec.sealer import PLAIN, Sealer
from runtime.errors import JobNotFound, JobNotUnique
from runtime.job import Job, NewJob
from runtime.job_entry import as_json
from runtime.note import cancel_reason
from runtime.payload import PayloadLimits
from runtime.schema_version import require_version


class Core:
    """See the module's docstring. All methods raise StoreUnavailable and SchemaNotMigrated."""

    def __init__(self, database: Database, limits: PayloadLimits, sealer: Sealer = PLAIN) -> None:
        self.database = database
        self.limits = limits
        self.sealer = sealer
        self.waiting = Waiting(database)
        self.following = Following(database, sealer)

    async def open(self) -> None:
        """Before anything else."""
        await self.database.open()

    async def close(self) -> None:
        """Close all connections; whoever still waits gets StoreUnavailable."""
        await self.waiting.close()
        await self.following.close()
        await self.database.close()

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Written]:
        """Write jobs in one statement, all or none; what became of each. Raises: JobNotUnique.

        Tried again when the database did not answer: ids that were written are left as they are. A
        job that the first try wrote unheard is then told as known.
        """
        if not jobs:
            return []
        text, array = enqueue_statement(self.database.namespace, self.limits), as_json(jobs)
        rows = await self.database.run(lambda conn: conn.fetch(text, array))
        return written_of(rows)

    async def get(self, job_id: UUID) -> Job:
        """A job with its failures. Raises: JobNotFound."""
        return unsealed(await self.database.run(lambda conn: _read(conn, job_id)), self.sealer)

    async def cancel(self, job_id: UUID, reason: str | None = None, force: bool = False) -> Job:
        """Cancel a job; see `Client.cancel`. Raises: JobNotFound."""
        return await self._change("cancel", job_id, cancel_reason(reason), force)

    async def pause_job(self, job_id: UUID) -> Job:
        """Hold a job back; see `Client.pause_job`. Raises: JobNotFound."""
        return await self._change("job_pause", job_id)

    async def resume_job(self, job_id: UUID) -> Job:
        """Let a job go on; see `Client.resume_job`. Raises: JobNotFound."""
        return await self._change("job_resume", job_id)

    async def retry(self, job_id: UUID) -> Job:
        """Make a job available; see `Client.retry`. Raises: JobNotFound, JobNotUnique."""
        try:
            return await self._change("retry", job_id)
        except JobNotUnique:
            row = await self.database.run(lambda conn: conn.fetchrow(sql.load("holder"), job_id))
            raise JobNotUnique(None if row is None else row["id"]) from None

    async def _change(self, name: str, job_id: UUID, *values: object) -> Job:
        async def unit(connection: Connection) -> Job:
            await connection.fetch(sql.load(name), job_id, *values)
            return await _read(connection, job_id)

        return unsealed(await self.database.run(unit), self.sealer)

    async def check(self) -> None:
        """See `Client.check`. Raises: SchemaTooNew."""
        row = await self.database.run(lambda conn: conn.fetchrow(sql.load("check")))
        require_version(self.database.namespace, row["version"])

    async def wait(self, job_id: UUID, timeout: float | None) -> Progress:
        """The end of a job. Raises: ResultTimeout, JobNotFound."""
        return await self.waiting.wait(job_id, timeout)


async def _read(connection: Connection, job_id: UUID) -> Job:
    row = await connection.fetchrow(sql.load("get"), job_id)
    if row is None:
        raise JobNotFound(job_id)
    return job_of(row, await connection.fetch(sql.load("failures"), job_id, MAX_FAILURES))
