"""Batch handlers: the function of a kind whose jobs are run many at a time; see `runtime.batch`.

It is enqueued job by job, with an Args or with its fields by name. A node gathers its jobs; `call`
runs a single one as a batch of one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar, overload

import msgspec

from runtime.batch import Batch
from runtime.batch_args import BatchArgs
from runtime.batch_job import BatchJob, results_of
from runtime.child.context import current_job
from runtime.codec.envelope import looks_sealed
from runtime.convert import output_decoder
from runtime.errors import UsageError
from runtime.handler import Handler
from runtime.handler_signature import Signature
from runtime.job import KindInfo
from runtime.workflow import gaps
from runtime.workflow.failures import InputMissing

A = TypeVar("A")
R = TypeVar("R")


class BatchHandler(Handler[[A], R], Generic[A, R]):
    """A handler of many jobs at a time. Raises: UsageError, for a function that cannot be one."""

    def __init__(self, *args: Any, batch: Batch, **options: Any) -> None:
        self.batch = batch
        super().__init__(*args, **options)
        self._batch_args.check()
        if self._resources.cores > 1:
            raise UsageError(f"{self.kind}: a batch handler takes one core")
        if self._policy.max_crashes == 1:
            raise UsageError(
                f"{self.kind}: max_crashes of a batch handler is 2 or more, since the first death "
                f"may be that of another job in the batch"
            )

    @cached_property
    def _batch_args(self) -> BatchArgs:
        return BatchArgs(self._signature)

    @property
    def _fields(self) -> Signature:
        return self._batch_args.fields

    def _decoder(self) -> Callable[[str], Any]:
        return self._batch_args.decoder()

    def _output_decoder(self) -> Callable[[str | None], Any]:
        return output_decoder(self._signature, of_each=True)

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """See Target."""
        return self._batch_args.given(args, kwargs)

    def key_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """See Target."""
        return super().key_of((), self.given(args, kwargs))

    def info(self) -> KindInfo:
        """See Handler."""
        return msgspec.structs.replace(super().info(), batch=self.batch)

    def batch_args(self, args_json: str, job_id: Any, /) -> A:
        """A job's args from JSON text. Raises: ArgsInvalid, CodecError."""
        if looks_sealed(args_json):
            args_json = self.open_args(args_json, job_id)
        if args_json.startswith(gaps.MARK) and gaps.body_of(args_json) is not None:
            raise InputMissing(self.kind, job_id, "not for a batch handler")
        args: A = self._decode(args_json)
        return args

    def call_batch(self, jobs: Sequence[BatchJob[A]], /) -> Any:
        """Call the function, through what surrounds it; a coroutine if it is async."""
        return self._invoke(jobs)

    def _alone(self, args_json: str) -> BatchJob[A]:
        context = current_job()
        return BatchJob(self.batch_args(args_json, context.id), context)


class SyncBatchHandler(BatchHandler[A, R]):
    """A batch handler that is a plain function."""

    def __call__(self, jobs: Sequence[BatchJob[A]], **resources: Any) -> Any:
        """Call the function itself, with jobs that a test has made; no job is made or marked."""
        self._check_given(resources)
        return self._function(jobs, **resources)

    def call(self, args_json: str, /) -> Any:
        """One job, as a batch of its own; its output. Raises: what it ended with otherwise."""
        job = self._alone(args_json)
        returned = self.call_batch([job])
        return job.settle(results_of([job], returned)[0])


class AsyncBatchHandler(BatchHandler[A, R]):
    """A batch handler that is an `async def` function."""

    is_async = True

    def __call__(self, jobs: Sequence[BatchJob[A]], **resources: Any) -> Awaitable[Any]:
        """As that of a SyncBatchHandler."""
        self._check_given(resources)
        coroutine: Coroutine[Any, Any, Any] = self._function(jobs, **resources)
        return coroutine

    async def call(self, args_json: str, /) -> Any:
        """As that of a SyncBatchHandler."""
        job = self._alone(args_json)
        returned = await self.call_batch([job])
        return job.settle(results_of([job], returned)[0])


_Jobs = list[BatchJob[A]]


class BatchDecorator(Protocol):
    """What `@app.job(batch=...)` returns: makes a function of a list of jobs their handler."""

    @overload
    def __call__(
        self, function: Callable[[_Jobs[A]], Coroutine[Any, Any, None]], /
    ) -> AsyncBatchHandler[A, Any]: ...
    @overload
    def __call__(
        self, function: Callable[[_Jobs[A]], Coroutine[Any, Any, Sequence[R]]], /
    ) -> AsyncBatchHandler[A, R]: ...
    @overload
    def __call__(self, function: Callable[[_Jobs[A]], None], /) -> SyncBatchHandler[A, Any]: ...
    @overload
    def __call__(
        self, function: Callable[[_Jobs[A]], Sequence[R]], /
    ) -> SyncBatchHandler[A, R]: ...
