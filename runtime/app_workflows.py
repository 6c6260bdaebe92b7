"""`@app.workflow`: makes a function that takes a Context first the handler of a kind."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from runtime.app_handlers import Registry
from runtime.failure_policy import BackoffPolicy, ErrorHook, ErrorTypes
from runtime.handler_key import KeyFunction
from runtime.handler_options import Seconds
from runtime.job import DEFAULT_PRIORITY, DEFAULT_QUEUE
from runtime.resources import Resources
from runtime.timing import Timing
from runtime.unique import Unique
from runtime.workflow.context import Context
from runtime.workflow.handler import AsyncWorkflow, SyncWorkflow, versioned, workflow_class

if TYPE_CHECKING:
    from runtime.workflow.async_context import AsyncContext

P = ParamSpec("P")
R = TypeVar("R")


class WorkflowDecorator(Protocol):
    """What `@app.workflow(...)` returns: makes a function a workflow."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[AsyncContext, P], Coroutine[Any, Any, R]], /
    ) -> AsyncWorkflow[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Context, P], R], /) -> SyncWorkflow[P, R]: ...


class Workflows(Registry):
    """The workflows among an app's handlers."""

    @overload
    def workflow(
        self, function: Callable[Concatenate[AsyncContext, P], Coroutine[Any, Any, R]], /
    ) -> AsyncWorkflow[P, R]: ...
    @overload
    def workflow(self, function: Callable[Concatenate[Context, P], R], /) -> SyncWorkflow[P, R]: ...
    @overload
    def workflow(
        self,
        function: None = None,
        /,
        *,
        kind: str | None = None,
        version: str | int | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        timeout: Seconds | None = None,
        max_attempts: int | None = None,
        backoff: BackoffPolicy | None = None,
        retry_on: ErrorTypes | None = None,
        discard_on: ErrorTypes | None = None,
        on_error: ErrorHook | None = None,
        max_crashes: int | None = None,
        resources: Resources | None = None,
        key: str | KeyFunction | None = None,
        sequence: bool = False,
        unique: Unique | bool = False,
        expires_in: Seconds | None = None,
        aliases: Sequence[str] = (),
        schedule: Timing | None = None,
        clean_up: bool = False,
    ) -> WorkflowDecorator: ...
    def workflow(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        kind: str | None = None,
        version: str | int | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        timeout: Seconds | None = None,
        max_attempts: int | None = None,
        backoff: BackoffPolicy | None = None,
        retry_on: ErrorTypes | None = None,
        discard_on: ErrorTypes | None = None,
        on_error: ErrorHook | None = None,
        max_crashes: int | None = None,
        resources: Resources | None = None,
        key: str | KeyFunction | None = None,
        sequence: bool = False,
        unique: Unique | bool = False,
        expires_in: Seconds | None = None,
        aliases: Sequence[str] = (),
        schedule: Timing | None = None,
        clean_up: bool = False,
    ) -> Any:
        """Make a function, sync or async, whose first parameter is a Context, a workflow.

        Its jobs are jobs like all others, and so are its options: see `App.job`. timeout is of one
        run, from a wait to the next; expires_in, such as timedelta(days=7), is of the whole
        workflow, its waits included: at its end it is discarded, as Expired, with its children.
        Args: version: the kind is `kind@version`, so that a node runs the versions that its app
        has: keep the old function beside the new one until its last job has ended. clean_up: when
        it is cancelled, or its time is over, a JobCancelled with the reason is raised at its next
        operation, and its `except` and `finally` undo by steps, in their own time, before it ends:
        see `runtime.workflow.cancelling`.
        Raises: UsageError, for a kind that is taken, an option or a function that cannot be.
        """
        return self._decorator(
            function,
            partial(workflow_class, clean_up=clean_up),
            kind=kind,
            queue=queue,
            priority=priority,
            timeout=timeout,
            max_attempts=max_attempts,
            backoff=backoff,
            retry_on=retry_on,
            discard_on=discard_on,
            on_error=on_error,
            max_crashes=max_crashes,
            resources=resources,
            key=key,
            sequence=sequence,
            unique=unique,
            expires_in=expires_in,
            aliases=aliases,
            schedule=schedule,
            kind_of=partial(versioned, version=version),
        )
