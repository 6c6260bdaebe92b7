"""`@step`: a function with the name and the options that it has as a step."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from runtime.errors import UsageError
from runtime.handler_options import check_name, seconds_of
from runtime.workflow.retry import RetryOption, retry_of

P = ParamSpec("P")
R = TypeVar("R")
P2 = ParamSpec("P2")
R2 = TypeVar("R2")


class StepFunction(Generic[P, R]):
    """A function for `ctx.step(function, ...)`. Called by itself it is the function that it was.

    Attributes: name, retry, timeout, function.
    """

    __name__: str

    def __init__(
        self,
        function: Callable[P, R],
        name: str | None = None,
        retry: RetryOption | None = None,
        timeout: float | timedelta | None = None,
    ) -> None:
        if not callable(function):
            raise UsageError(f"@step takes a function, not {function!r:.200}; options by name")
        functools.update_wrapper(cast("Callable[..., Any]", self), function)
        self.function = function
        self.name = check_name("a step's name", name or getattr(function, "__name__", ""))
        self.retry = retry_of(retry)
        self.timeout = seconds_of("timeout", timeout)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself; nothing is recorded."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<step {self.name}>"


class _Decorator:
    """What `@step(...)` with options returns."""

    def __init__(self, **options: Any) -> None:
        self._options = options

    def __call__(self, function: Callable[P2, R2], /) -> StepFunction[P2, R2]:
        return StepFunction(function, **self._options)


@overload
def step(function: Callable[P, R], /) -> StepFunction[P, R]: ...
@overload
def step(
    function: None = None,
    /,
    *,
    name: str | None = None,
    retry: RetryOption | None = None,
    timeout: float | timedelta | None = None,
) -> _Decorator: ...
def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    retry: RetryOption | None = None,
    timeout: float | timedelta | None = None,
) -> Any:
    """Make a function, sync or async, a step: `ctx.step(function, *args)` runs it as one.

    Args: name: by which it is recorded; the function's own by default. retry: a number of tries, a
    Backoff or a Retry; None: one try. timeout: of each try, in seconds or as a timedelta.
    Raises: UsageError.
    """
    if function is not None:
        return StepFunction(function)
    return _Decorator(name=name, retry=retry, timeout=timeout)
