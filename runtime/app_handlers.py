"""How an app makes handlers of functions: the options of a decorator, put together.

Rule: a kind is taken once, by a handler or by an alias of one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from runtime.app_schedules import Timetable
from runtime.batch import Batch
from runtime.errors import UsageError
from runtime.failure_policy import BackoffPolicy, ErrorHook, ErrorTypes, FailurePolicy
from runtime.handler import AsyncHandler, Handler, SyncHandler
from runtime.handler_batch import AsyncBatchHandler, SyncBatchHandler
from runtime.handler_key import KeyFunction
from runtime.handler_options import RESERVED_KINDS, JobOptions, Seconds, check_kind, seconds_of
from runtime.resources import Resources
from runtime.timing import Timing
from runtime.unique import Unique

ClassOf = Callable[[Callable[..., Any]], Callable[..., Handler[..., Any]]]
"""From a user's function to what makes its handler. Raises: UsageError."""


class Registry(Timetable):
    """The handlers of an app. `options`: of their jobs, where they have none of their own."""

    policy: FailurePolicy

    def __init__(self, options: JobOptions) -> None:
        super().__init__()
        self._options = options
        self._handlers: dict[str, Handler[..., Any]] = {}

    def _decorator(
        self,
        function: Callable[..., Any] | None,
        class_of: ClassOf,
        *,
        kind: str | None,
        queue: str,
        priority: int,
        timeout: Seconds | None,
        max_attempts: int | None,
        backoff: BackoffPolicy | None,
        retry_on: ErrorTypes | None,
        discard_on: ErrorTypes | None,
        on_error: ErrorHook | None,
        max_crashes: int | None,
        resources: Resources | None,
        key: str | KeyFunction | None,
        sequence: bool,
        unique: Unique | bool,
        expires_in: Seconds | None,
        aliases: Sequence[str],
        schedule: Timing | None,
        kind_of: Callable[[str], str] = check_kind,
    ) -> Any:
        """See `App.job`. `kind_of`: from a handler's name to its kind."""
        options = JobOptions(
            queue=queue,
            priority=priority,
            max_attempts=max_attempts,
            sequence=sequence,
            unique=Unique() if unique is True else unique,
            expires_seconds=seconds_of("expires_in", expires_in),
        ).over(self._options)
        timeout_seconds = _timeout_of(timeout, resources)
        policy = FailurePolicy(
            backoff=backoff,
            retry_on=retry_on,
            discard_on=discard_on,
            on_error=on_error,
            max_crashes=max_crashes,
        ).over(self.policy)
        chosen = resources or Resources()

        def add(function: Callable[..., Any]) -> Handler[..., Any]:
            if not callable(function):
                raise UsageError(f"@app.job takes a function, not {function!r}; options by name")
            name = kind_of(str(kind or getattr(function, "__name__", "")))
            make = class_of(function)
            made = make(function, name, self, options, timeout_seconds, policy, chosen, key)
            self._add(made, [check_kind(alias) for alias in _listed(aliases)])
            if schedule is not None:
                self.schedule(name, schedule, made)
            return made

        return add if function is None else add(function)

    def _add(self, handler: Handler[..., Any], aliases: Sequence[str]) -> None:
        kinds = [handler.kind, *aliases]
        for kind in kinds:
            if kind.startswith(RESERVED_KINDS):
                raise UsageError(
                    f"kind {kind!r} cannot be a handler's: those that begin with "
                    f"{RESERVED_KINDS!r} are Headrace's own; give another by @app.job(kind=...)"
                )
            if kind in self._handlers:
                other = self._handlers[kind]
                raise UsageError(f"kind {kind!r} is taken by {other!r} of {other.__module__}")
        self._handlers |= dict.fromkeys(kinds, handler)


def handler_class(
    function: Callable[..., Any], batch: Batch | None
) -> Callable[..., Handler[..., Any]]:
    """The class of a function's handler."""
    is_async = inspect.iscoroutinefunction(function)
    if batch is None:
        return AsyncHandler if is_async else SyncHandler
    return partial(AsyncBatchHandler if is_async else SyncBatchHandler, batch=batch)


def _listed(aliases: Sequence[str]) -> Sequence[str]:
    if isinstance(aliases, str):
        raise UsageError(
            f"aliases is a list of kinds, not {aliases!r:.200}; write [{aliases!r:.200}]"
        )
    return aliases


def _timeout_of(timeout: Seconds | None, resources: Resources | None) -> float | None:
    seconds = seconds_of("timeout", timeout)
    of_resources = None if resources is None else resources.timeout_seconds
    if seconds is not None and of_resources is not None:
        raise UsageError("give timeout to @app.job or to Resources, not to both")
    return of_resources if seconds is None else seconds
