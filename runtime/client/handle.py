"""What an enqueue returns: the job's id, whether it is new, and the way to its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from uuid import UUID

import attrs

from runtime.client.connections import AsyncConn, SyncConn
from runtime.client.results import Progress
from runtime.handler_enqueue import Target

R = TypeVar("R")


@attrs.frozen
class BulkResult:
    """What became of a bulk: `jobs` were given, `inserted` of them were new."""

    jobs: int
    inserted: int


@attrs.frozen
class JobHandle(Generic[R]):
    """A job that was enqueued.

    Attributes: id; inserted, False if a job of this id was known already: then it was left as it
    is; target, the handler or kind.
    """

    id: UUID
    inserted: bool
    target: Target[R] = attrs.field(repr=False)

    @property
    def kind(self) -> str:
        """The job's kind."""
        return self.target.kind


@attrs.frozen
class ConnHandle(JobHandle[R]):
    """A job that was enqueued on the caller's own sync connection."""

    def result(self, conn: SyncConn, *, timeout: float | None = None) -> R:
        """Wait for the job's end, looking every 40 ms, and return its output.

        Commit first: until then no node sees the job. `timeout` in seconds; None: for ever. The
        connection must see new commits: REPEATABLE READ does not.
        Raises: JobFailed, ResultTimeout, JobNotFound, OutputInvalid, CodecError.
        """
        from runtime.client.caller import await_end

        return await_end(conn, self.target.namespace, self.id, timeout).value(self.target)


@attrs.frozen
class AsyncConnHandle(JobHandle[R]):
    """A job that was enqueued on the caller's own asyncio connection."""

    async def result(self, conn: AsyncConn, *, timeout: float | None = None) -> R:
        """As `ConnHandle.result`."""
        from runtime.client.caller import await_end_async

        progress = await await_end_async(conn, self.target.namespace, self.id, timeout)
        return progress.value(self.target)


@attrs.frozen
class ClientHandle(JobHandle[R]):
    """A job that a Client enqueued."""

    _wait: Callable[[UUID, float | None], Progress] = attrs.field(repr=False)

    def result(self, *, timeout: float | None = None) -> R:
        """Wait for the job's end and return its output; known within 50 ms.

        `timeout` in seconds; None: for ever.
        Raises: JobFailed, ResultTimeout, JobNotFound, OutputInvalid, CodecError.
        """
        return self._wait(self.id, timeout).value(self.target)


@attrs.frozen
class AsyncClientHandle(JobHandle[R]):
    """A job that an AsyncClient or a TrioClient enqueued."""

    _wait: Callable[[UUID, float | None], Awaitable[Progress]] = attrs.field(repr=False)

    async def result(self, *, timeout: float | None = None) -> R:
        """As `ClientHandle.result`."""
        return (await self._wait(self.id, timeout)).value(self.target)
