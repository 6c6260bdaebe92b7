"""`perform`: run a handler here, as a job would be run.

Args and output go the way that a job's go, through JSON and the payload guard, so that a test meets
what a node would meet. Nothing is enqueued, and no database is needed.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, overload
from uuid import UUID

from runtime import payload
from runtime.child.context import JobContext, current
from runtime.client.connections import driver_of
from runtime.client.driver import AsyncDriver
from runtime.errors import UsageError
from runtime.handler import AsyncHandler, Handler, SyncHandler
from runtime.handler_enqueue import Enqueuer
from runtime.injection.resource import Resource
from runtime.injection.shelf import standing_in
from runtime.job import NewJob
from runtime.wire import Run
from runtime.workflow.handler import Workflow

P = ParamSpec("P")
R = TypeVar("R")


class Performed(JobContext):
    """The job of a handler that is performed. There is no row; no database completes it."""

    __slots__ = ("_completed", "_output")

    def __init__(self, frame: Run) -> None:
        super().__init__(frame)
        self._completed = False
        self._output: Any = None

    def complete(self, conn: Any, output: Any = None) -> Any:
        """Take the output, and look at the connection no further than at its sort."""
        self._completed, self._output = True, output
        return _done() if isinstance(driver_of(conn), AsyncDriver) else None

    def output_of(self, returned: Any) -> Any:
        """What it was completed with, or what its handler has returned."""
        return self._output if self._completed else returned


async def _done() -> None:
    """What is awaited of `complete` on an async connection."""


@overload
def perform(
    handler: AsyncHandler[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, R]: ...
@overload
def perform(handler: SyncHandler[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
@overload
def perform(handler: Enqueuer[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Any: ...
def perform(handler: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Run a handler in this process, once, as a job would be; an async one: awaitable.

    Takes a handler, or one `with_options`. `current_job()` works inside. Returns the output as a
    reader gets it. Raises: what the handler raises, Snooze and the like too; ArgsInvalid,
    PayloadInvalid, PayloadTooLarge (of args and output), OutputInvalid.

    Resources are set up for the call and cleaned up after it, but for those that are given by name.
    """
    target = handler.target if isinstance(handler, Enqueuer) else None
    if not isinstance(target, Handler):
        raise UsageError(f"perform takes a handler, not {handler!r}")
    if isinstance(target, Workflow):
        raise UsageError(f"{target!r} is a workflow: enqueue it, and run it by `drain`")
    kwargs, values = target.parted(kwargs)
    job = handler.new_job(*args, **kwargs)
    if target.is_async:
        return _perform_async(target, job, values)
    with _running(job) as run, standing_in(values):
        return _read_back(target, run.output_of(target.call(job.args)), job.id)


async def _perform_async(
    handler: Handler[..., R], job: NewJob, values: Mapping[Resource, Any]
) -> R:
    with _running(job) as run, standing_in(values):
        return _read_back(handler, run.output_of(await handler.call(job.args)), job.id)


def _read_back(handler: Handler[..., R], output: Any, job_id: UUID) -> R:
    text = handler.encode_output(output)
    if text is not None:
        payload.check_size("output", text, handler.limits)
        text = handler.sealer.unseal("output", text, handler.kind, job_id)
    return handler.decode_output(text)


@contextmanager
def _running(job: NewJob) -> Iterator[Performed]:
    """`current_job()` tells of this job inside the block."""
    frame = Run(
        seq=1,
        epoch=0,
        id=job.id.bytes,
        run_number=1,
        kind=job.kind,
        queue=job.queue,
        args=job.args,
        attempt=1,
        max_attempts=job.max_attempts,
        metadata=job.metadata,
    )
    context = Performed(frame)
    token = current.set(context)
    try:
        yield context
    finally:
        current.reset(token)
