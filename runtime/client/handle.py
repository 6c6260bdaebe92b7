"""What an enqueue returns: the job's id, whether it is new, and the way to its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar
from uuid import UUID

import attrs

from runtime.client.connections import AsyncConn, SyncConn
from runtime.client.entries import Written
from runtime.client.results import Progress
from runtime.handler_enqueue import Target
from runtime.job import NewJob

R = TypeVar("R")


@attrs.frozen
class BulkResult:
    """What became of a bulk.

    Attributes: jobs, how many were given; inserted, how many of them were new; replaced, how many
    have put their fields into one that waited; duplicates: of each job that another is the same as,
    its id to that one's.
    """

    jobs: int
    inserted: int
    replaced: int = 0
    duplicates: Mapping[UUID, UUID] = attrs.field(factory=dict, repr=False)


def tally(jobs: Sequence[NewJob], written: Sequence[Written]) -> BulkResult:
    """What became of these."""
    pairs = zip(jobs, written, strict=True)
    return BulkResult(
        len(jobs),
        sum(each.inserted for each in written),
        sum(each.replaced for each in written),
        {job.id: each.id for job, each in pairs if not each.inserted and each.id != job.id},
    )


def total(parts: Sequence[BulkResult]) -> BulkResult:
    """What became of them all."""
    return BulkResult(
        sum(part.jobs for part in parts),
        sum(part.inserted for part in parts),
        sum(part.replaced for part in parts),
        {given: found for part in parts for given, found in part.duplicates.items()},
    )


@attrs.frozen
class JobHandle(Generic[R]):
    """A job that was enqueued.

    Attributes: id; inserted, False if no job was added; target, the handler or kind; duplicate: a
    unique job that another is the same as: then `id` is that one's; replaced: fields of that one
    were replaced, which waited. Where neither is, and nothing was inserted, the id was known.
    """

    id: UUID
    inserted: bool
    target: Target[R] = attrs.field(repr=False)
    duplicate: bool = attrs.field(default=False, kw_only=True)
    replaced: bool = attrs.field(default=False, kw_only=True)

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
