"""From what is given to a context's methods to an operation's flow; the same for both contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runtime.errors import UsageError
from runtime.workflow.children import Children
from runtime.workflow.decorator import StepFunction
from runtime.workflow.steps import Step


def step_of(first: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Step:
    """Of `ctx.step(name, function, ...)` or `ctx.step(step function, ...)`. Raises: UsageError."""
    if isinstance(first, StepFunction):
        return Step(first.name, first.function, args, kwargs, first.retry, first.timeout)
    if not isinstance(first, str) or not args:
        raise UsageError(
            f"ctx.step takes a name and a function, or a function made by @step, not {first!r:.200}"
        )
    options = dict(kwargs)
    retry, timeout = options.pop("retry", None), options.pop("timeout", None)
    function: Callable[..., Any] = args[0]
    if isinstance(function, StepFunction):
        retry = function.retry if retry is None else retry
        timeout = function.timeout if timeout is None else timeout
        function = function.function
    return Step(first, function, args[1:], options, retry, timeout)


def map_of(target: Any, items: Iterable[Any], max_in_flight: int | None, failures: str) -> Children:
    """Of `ctx.map`. Raises: UsageError."""
    return Children(target, [((item,), {}) for item in items], max_in_flight, failures)
