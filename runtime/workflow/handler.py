"""Workflow: a handler whose function takes a context first.

Rules: the context is no part of the args. It is made for each run, and the function is called with
it from its beginning; middleware and resources are around it as around any handler.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import msgspec

from runtime.child.context import JobContext, current_job
from runtime.errors import UsageError
from runtime.handler import Handler
from runtime.handler_options import check_kind
from runtime.handler_signature import Signature
from runtime.job import KindInfo
from runtime.workflow.context import Context
from runtime.workflow.session import Session
from runtime.workflow.strand import Strand

if TYPE_CHECKING:
    from runtime.workflow.async_context import AsyncContext

P = ParamSpec("P")
R = TypeVar("R")

VERSION_MARK = "@"


class Workflow(Handler[P, R]):
    """See the module's docstring. Made by `App.workflow`."""

    def __init__(self, *args: Any, clean_up: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clean_up = clean_up

    def info(self) -> KindInfo:
        """See Handler."""
        return msgspec.structs.replace(super().info(), workflow=True)

    def _signature_of(self, kind: str, function: Callable[..., Any]) -> Signature:
        return Signature(kind, function, given=1)

    def _surrounded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return super()._surrounded(self._with_context(function))

    def _with_context(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, as it is called with its args alone."""
        raise NotImplementedError

    def strand(self, job: JobContext) -> Strand:
        """The main strand of a run."""
        frame, desk = job.run_and_desk
        session = Session(frame, desk, self.sealer, self.namespace, clean_up=self._clean_up)
        return Strand(session)


class SyncWorkflow(Workflow[P, R]):
    """A workflow that is a plain function."""

    def _with_context(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            job = current_job()
            strand = self.strand(job)
            try:
                value = function(Context(job, strand, self), *args, **kwargs)
                strand.end()
                strand.note_snooze(value)
            except BaseException as error:
                strand.note_snooze(error)
                instead = strand.instead_of(error)
                if instead is not None:
                    raise instead from None
                raise
            finally:
                strand.session.close()
            return value

        return call

    def __call__(self, ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, within a workflow; no job is made."""
        self._check_given(kwargs)
        output: R = self._function(ctx, *args, **kwargs)
        return output


class AsyncWorkflow(Workflow[P, R]):
    """A workflow that is an `async def` function."""

    is_async = True

    def _with_context(self, function: Callable[..., Any]) -> Callable[..., Any]:
        from runtime.workflow.async_context import AsyncContext  # asyncio costs 30 ms

        async def call(*args: Any, **kwargs: Any) -> Any:
            job = current_job()
            strand = self.strand(job)
            try:
                value = await function(AsyncContext(job, strand, self), *args, **kwargs)
                strand.end()
                strand.note_snooze(value)
            except BaseException as error:
                strand.note_snooze(error)
                instead = strand.instead_of(error)
                if instead is not None:
                    raise instead from None
                raise
            finally:
                strand.session.close()
            return value

        return call

    def __call__(
        self, ctx: AsyncContext, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]:
        """Call the function itself, within a workflow; no job is made."""
        self._check_given(kwargs)
        coroutine: Coroutine[Any, Any, R] = self._function(ctx, *args, **kwargs)
        return coroutine


def workflow_class(
    function: Callable[..., Any], clean_up: bool
) -> Callable[..., Workflow[..., Any]]:
    """What makes a SyncWorkflow or an AsyncWorkflow.

    Raises: UsageError, for a function that takes no context.
    """
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    first = next(iter(inspect.signature(function).parameters.values()), None)
    if first is None or first.kind not in positional:
        name = getattr(function, "__name__", repr(function))
        raise UsageError(f"{name} takes no context: a workflow's first parameter is its Context")
    made = AsyncWorkflow if inspect.iscoroutinefunction(function) else SyncWorkflow
    return partial(made, clean_up=clean_up)


def versioned(kind: str, version: str | int | None) -> str:
    """The kind of a version: old jobs are of the old kind, which nodes with new code alone leave.

    Raises: UsageError.
    """
    if version is None:
        return check_kind(kind)
    if VERSION_MARK in kind or VERSION_MARK in str(version):
        raise UsageError(f"kind {kind!r}, version {version!r}: no {VERSION_MARK} in either")
    return check_kind(f"{kind}{VERSION_MARK}{version}")
