"""What every client does with workflows: for sync code, and for asyncio and trio.

Rule: `job` is a job's handle or its id; who started a workflow by an external id has that at hand
(`handler.id_of`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

from runtime.client.core import Core
from runtime.client.handle import AsyncClientHandle, ClientHandle, JobHandle
from runtime.client.messages import Job, job_id_of, new_event, new_signal
from runtime.client.results import Progress
from runtime.client.timelines import Timelines
from runtime.client.wiring import Wiring
from runtime.client.workflows import Forked, FromStep, WorkflowWork
from runtime.family import Family
from runtime.handler_enqueue import Kind, Target
from runtime.handler_options import check_name
from runtime.ids import uuid7
from runtime.timeline import Step

T = TypeVar("T")


def _work(core: Core) -> WorkflowWork:
    return WorkflowWork(core.database, core.waiting, core.sealer)


def _timelines(core: Core) -> Timelines:
    return Timelines(core.database, core.sealer)


class SyncWorkflowVerbs:
    """Of `Client`."""

    _wiring: Wiring

    @abstractmethod
    def _call(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        """Await in the client's loop what is made of its core."""

    @abstractmethod
    def _wait(self, job_id: UUID, timeout: float | None) -> Progress:
        """The end of a job."""

    def send_signal(
        self,
        job: Job,
        name: str,
        value: Any = None,
        *,
        id: UUID | None = None,  # noqa: A002 - the word for it
    ) -> bool:
        """Send a signal to a workflow, which takes it at its `wait_signal(name)`, now or later.

        True if it is new: to repeat it with the same `id` adds nothing, also after its job's end.
        In your own transaction: `runtime.send_signal(conn, ...)`.
        Raises: JobNotFound; JobEnded; UsageError, PayloadInvalid, PayloadTooLarge.
        """
        limits, sealer = self._wiring.limits, self._wiring.sealer
        signal = new_signal(job, name, value, id, limits=limits, sealer=sealer)
        return self._call(lambda core: _work(core).send(signal))

    def emit_event(self, name: str, value: Any = None) -> bool:
        """Let an event happen, for all workflows that wait for it or will.

        True if it is the first of its name; later ones change nothing. In your own transaction:
        `runtime.emit_event(conn, ...)`. Raises: UsageError, PayloadInvalid, PayloadTooLarge.
        """
        event = new_event(name, value, limits=self._wiring.limits, sealer=self._wiring.sealer)
        return self._call(lambda core: _work(core).send(event))

    def read(self, job: Job, key: str, *, timeout: float | None = None) -> Any:
        """What a workflow has published under a key; waits until it has.

        `timeout` in seconds; 0: only look; None: for ever. As plain JSON values.
        Raises: JobNotFound; JobEnded, if it never did; ResultTimeout; CodecError.
        """
        job_id, name = job_id_of(job), check_name("key", key)
        return self._call(lambda core: _work(core).read(job_id, name, timeout))

    def steps(
        self, job: Job, *, outputs: bool = False, after: str | None = None, limit: int | None = None
    ) -> list[Step]:
        """The timeline of a workflow: its steps, done and open, in the order of their places.

        Args: outputs: with what they have put out, which may be much: then go through it page by
        page, by `limit` and `after`, the place of the last step of the page before.
        Raises: UsageError.
        """
        job_id = job_id_of(job)
        return self._call(
            lambda core: _timelines(core).steps(job_id, outputs=outputs, after=after, limit=limit)
        )

    def family(self, job: Job) -> Family:
        """Whose child a job is, and how many children of its own are in which state.

        Raises: JobNotFound.
        """
        job_id = job_id_of(job)
        return self._call(lambda core: _timelines(core).family(job_id))

    def fork(
        self,
        job: Job,
        from_step: FromStep,
        *,
        id: UUID | None = None,  # noqa: A002 - the word for it
    ) -> ClientHandle[Any]:
        """Run a workflow anew from one of its steps on: what is recorded before that is kept.

        It is a new job with the args and options of the other, which stays as it is; effects of
        steps that run anew happen anew. `from_step`: its place, such as 4, or its name; within a
        gather, that begins anew as a whole. To repeat it with the same `id` adds nothing.
        Raises: JobNotFound, UsageError, CodecError.
        """
        job_id, fork_id = job_id_of(job), id or uuid7()
        forked = self._call(lambda core: _work(core).fork(job_id, from_step, fork_id))
        target = _target(self._wiring, job, forked)
        return ClientHandle(forked.id, forked.inserted, target, self._wait)


class AsyncWorkflowVerbs:
    """Of `AsyncClient` and `TrioClient`."""

    _wiring: Wiring

    @abstractmethod
    async def _call_core(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        """Await in the client's loop what is made of its core."""

    @abstractmethod
    async def _wait(self, job_id: UUID, timeout: float | None) -> Progress:
        """The end of a job."""

    async def send_signal(
        self,
        job: Job,
        name: str,
        value: Any = None,
        *,
        id: UUID | None = None,  # noqa: A002 - the word for it
    ) -> bool:
        """As `Client.send_signal`."""
        limits, sealer = self._wiring.limits, self._wiring.sealer
        signal = new_signal(job, name, value, id, limits=limits, sealer=sealer)
        return await self._call_core(lambda core: _work(core).send(signal))

    async def emit_event(self, name: str, value: Any = None) -> bool:
        """As `Client.emit_event`."""
        event = new_event(name, value, limits=self._wiring.limits, sealer=self._wiring.sealer)
        return await self._call_core(lambda core: _work(core).send(event))

    async def read(self, job: Job, key: str, *, timeout: float | None = None) -> Any:
        """As `Client.read`."""
        job_id, name = job_id_of(job), check_name("key", key)
        return await self._call_core(lambda core: _work(core).read(job_id, name, timeout))

    async def steps(
        self, job: Job, *, outputs: bool = False, after: str | None = None, limit: int | None = None
    ) -> list[Step]:
        """As `Client.steps`."""
        job_id = job_id_of(job)
        return await self._call_core(
            lambda core: _timelines(core).steps(job_id, outputs=outputs, after=after, limit=limit)
        )

    async def family(self, job: Job) -> Family:
        """As `Client.family`."""
        job_id = job_id_of(job)
        return await self._call_core(lambda core: _timelines(core).family(job_id))

    async def fork(
        self,
        job: Job,
        from_step: FromStep,
        *,
        id: UUID | None = None,  # noqa: A002 - the word for it
    ) -> AsyncClientHandle[Any]:
        """As `Client.fork`."""
        job_id, fork_id = job_id_of(job), id or uuid7()
        forked = await self._call_core(lambda core: _work(core).fork(job_id, from_step, fork_id))
        target = _target(self._wiring, job, forked)
        return AsyncClientHandle(forked.id, forked.inserted, target, self._wait)


def _target(wiring: Wiring, job: Job, forked: Forked) -> Target[Any]:
    """Who reads a fork's output: whoever reads its source's, if that is known."""
    if isinstance(job, JobHandle):
        return job.target
    if wiring.app is not None and forked.kind in wiring.app.handlers:
        return wiring.app.handlers[forked.kind]
    return Kind(forked.kind, namespace=wiring.namespace, limits=wiring.limits)
