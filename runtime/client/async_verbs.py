"""What AsyncClient and TrioClient can do; they differ in how they reach the asyncio loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, ParamSpec, TypeVar, overload
from uuid import UUID

from runtime.client import bulk
from runtime.client.core import Core
from runtime.client.follow_faces import follow_async
from runtime.client.following import JobUpdate
from runtime.client.graph_handles import outcome_by
from runtime.client.grouped import AsyncGroups
from runtime.client.handle import AsyncClientHandle, BulkResult, JobHandle
from runtime.client.results import Progress
from runtime.client.thread import Step
from runtime.client.wiring import Wiring
from runtime.errors import UsageError
from runtime.graph_node import ROOT_KIND
from runtime.handler_enqueue import Enqueuer
from runtime.job import Job, NewJob

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class AsyncVerbs(AsyncGroups, ABC):
    """All methods raise StoreUnavailable and SchemaNotMigrated, and UsageError when not open."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._core: Core | None = None

    @abstractmethod
    async def _call(self, step: Step[T]) -> T:
        """Run a coroutine in the asyncio loop."""

    async def _call_core(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        core = self.core
        return await self._call(lambda: action(core))

    @abstractmethod
    async def _call_shielded(self, step: Step[T]) -> T:
        """As `_call`, although the caller is being cancelled; for a step that is short."""

    @property
    def core(self) -> Core:
        """What does the work. Raises: UsageError, when the client is not open."""
        if self._core is None:
            kind = type(self).__name__
            raise UsageError(f"this {kind} is not open: use `async with`, or await its open()")
        return self._core

    @overload
    async def enqueue(
        self, what: Enqueuer[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncClientHandle[R]: ...
    @overload
    async def enqueue(self, what: str, /, **kwargs: Any) -> AsyncClientHandle[Any]: ...
    async def enqueue(self, what: Any, /, *args: Any, **kwargs: Any) -> AsyncClientHandle[Any]:
        """Write a job: of a handler, a handler `with_options`, or a kind by name.

        Tried again when the database breaks off: a job is never added twice. Raises: ArgsInvalid,
        PayloadInvalid, PayloadTooLarge, UnknownKind; then nothing was sent. JobNotUnique.
        """
        chosen = self._wiring.enqueuer(what)
        job = chosen.new_job(*args, **kwargs)
        core = self.core
        (written,) = await self._call(lambda: core.enqueue([job]))
        return AsyncClientHandle(
            written.id,
            written.inserted,
            chosen.target,
            self._wait,
            duplicate=written.id != job.id,
            replaced=written.replaced,
        )

    async def enqueue_many(self, jobs: Iterable[NewJob]) -> BulkResult:
        """Write many jobs in one transaction, all or none.

        Jobs are made with `handler.new_job(...)`, and consumed as they are sent. Known ids add
        nothing. Raises: UsageError, PayloadTooLarge, JobNotUnique, with the job's index.
        """
        steps = bulk.steps(self.core, jobs)
        call = self._call
        try:
            step = next(steps)
            while True:
                try:
                    value = await call(step)
                except BaseException as error:
                    step, call = steps.throw(error), self._call_shielded
                else:
                    step = steps.send(value)
        except StopIteration as end:
            result: BulkResult = end.value
            return result

    @overload
    async def result(self, job: JobHandle[R], *, timeout: float | None = None) -> R: ...
    @overload
    async def result(self, job: UUID, *, timeout: float | None = None) -> Any: ...
    async def result(self, job: JobHandle[R] | UUID, *, timeout: float | None = None) -> Any:
        """Wait for a job's end and return its output; of an id: as plain JSON values.

        It is known within 50 ms. `timeout` in seconds; None: for ever.
        Raises: JobFailed, ResultTimeout, JobNotFound, OutputInvalid, CodecError.
        """
        job_id, reader = self._wiring.awaited(job)
        ended = await self._wait(job_id, timeout)
        if ended.kind == ROOT_KIND:
            return outcome_by(job, ended, await self._graph_rows(job_id), reader)
        return ended.value(reader)

    async def get(self, job_id: UUID) -> Job:
        """A job's row with its failures. Raises: JobNotFound."""
        core = self.core
        return await self._call(lambda: core.get(job_id))

    async def cancel(self, job_id: UUID, reason: str | None = None, *, force: bool = False) -> Job:
        """Cancel a job: at once, or by its node while it runs. A final job stays as it is.

        A running handler is told at once, with the reason, and killed after its grace; the job
        stays cancelled whatever it returns. A workflow with `clean_up=True` that has begun is told
        so by a JobCancelled at its next operation, undoes what it did, in its own time, and ends
        cancelled then; to cancel again changes nothing. force: without that. Raises: JobNotFound.
        """
        core = self.core
        return await self._call(lambda: core.cancel(job_id, reason, force))

    async def pause_job(self, job_id: UUID) -> Job:
        """Hold one job back, whatever it waits for: it is `pending`, with `paused_at` set.

        A running one goes on to the end of its run, a workflow to its next operation. Only
        `resume_job` has it go on; what it is sent meanwhile is kept, to cancel it ends it (a
        workflow that cleans up does so once it is resumed), and its deadline holds. A final job
        stays as it is. Raises: JobNotFound.
        """
        core = self.core
        return await self._call(lambda: core.pause_job(job_id))

    async def resume_job(self, job_id: UUID) -> Job:
        """Undo `pause_job`: the job goes on from where it was. Another stays as it is.

        Raises: JobNotFound.
        """
        core = self.core
        return await self._call(lambda: core.resume_job(job_id))

    def follow(self, job: JobHandle[Any] | UUID) -> AsyncIterator[JobUpdate]:
        """An update each time that the job stands otherwise, or its run tells something.

        The last one is its end. Raises: JobNotFound.
        """
        return follow_async(self._call_core, self._wiring.awaited(job)[0])

    async def retry(self, job_id: UUID) -> Job:
        """Make a job that is not running available now, with one more attempt if need be.

        Raises: JobNotFound, JobNotUnique.
        """
        core = self.core
        return await self._call(lambda: core.retry(job_id))

    async def check(self) -> None:
        """Return if the database answers and its tables are ours. Raises: SchemaTooNew."""
        await self._call_core(lambda core: core.check())

    async def _wait(self, job_id: UUID, timeout: float | None) -> Progress:
        core = self.core
        return await self._call(lambda: core.wait(job_id, timeout))
