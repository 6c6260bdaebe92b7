"""Middleware around runs: functions that see a run's job and args before it, and its result after.

    @app.around_run                      around every plain handler of the app
    def timed(job, call):
        began = time.monotonic()
        try:
            return call()                # the next one, in the end the handler
        finally:
            observe(job.kind, time.monotonic() - began)

Rules: the first that was defined is the outermost, and the app's are outside a handler's own. Plain
ones are around plain handlers, `async def` ones around async handlers. `call.args` may be changed
before `call()`; what is returned is the run's output, what is raised is its error. Which way a call
goes is chosen when the handler is prepared: without middleware there is none to pass.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from runtime.child.context import JobContext, current_job
from runtime.errors import UsageError
from runtime.handler_signature import Signature

Around = Callable[[JobContext, "Call"], Any]


class Call:
    """What is left of a run: the middleware further in, and the handler. Call it, and return that.

    Attributes: args: the handler's args by name, its resources excepted; a change is seen further
    in. Of a batch handler: its one argument, the list of its jobs.
    """

    __slots__ = ("_layers", "_target", "args")

    def __init__(
        self, args: dict[str, Any], layers: Sequence[Around], target: Callable[..., Any]
    ) -> None:
        self.args = args
        self._layers = layers
        self._target = target

    def __call__(self) -> Any:
        """Go on. Returns the output; of an async handler: what to await for it."""
        if not self._layers:
            return self._target(self.args)
        return self._layers[0](current_job(), Call(self.args, self._layers[1:], self._target))


def surrounded(
    function: Callable[..., Any], layers: Sequence[Around], signature: Signature
) -> Callable[..., Any]:
    """`function`, called through the layers, the first of which is the outermost."""
    names = tuple(parameter.name for parameter in signature.parameters)[: signature.positional]

    def target(args: dict[str, Any]) -> Any:
        named = dict(args)
        positional = [named.pop(name) for name in names]
        return function(*positional, **named)

    def call(*args: Any, **kwargs: Any) -> Any:
        return Call(dict(zip(names, args, strict=True)) | kwargs, layers, target)()

    return call


def check_around(function: object, *, is_async: bool | None = None) -> Any:
    """The function, if it may be a middleware, of that sort. Raises: UsageError."""
    if not callable(function):
        raise UsageError(f"a middleware is a function (job, call), not {function!r}")
    name = getattr(function, "__name__", repr(function))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(f"{name} yields; a middleware returns call()")
    if is_async is not None and inspect.iscoroutinefunction(function) != is_async:
        wanted = "async def" if is_async else "a plain function"
        raise UsageError(f"{name}: a middleware of this handler is {wanted}, as the handler is")
    return function
