"""What an app puts around its handlers: middleware around enqueue and run, and resources.

Rules: each is kept in the order of its definition, which is that of its use: the first one is the
outermost. A handler that was looked up already is looked up again when something is added, so the
order of definition of handlers and of what surrounds them does not matter.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from runtime.errors import UsageError
from runtime.handler import Handler
from runtime.injection.registry import Registry
from runtime.injection.resource import Resource, Scope
from runtime.middleware import Around, check_around
from runtime.new_job_layers import AroundEnqueue

F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E", bound=AroundEnqueue)


class Surroundings:
    """The part of an App that surrounds its handlers."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.enqueue_layers: tuple[AroundEnqueue, ...] = ()
        self._run_layers: tuple[Around, ...] = ()

    @property
    @abstractmethod
    def handlers(self) -> Mapping[str, Handler[..., Any]]: ...

    def run_layers(self, is_async: bool) -> tuple[Around, ...]:
        """The middleware around handlers of one sort, outermost first."""
        return tuple(
            each for each in self._run_layers if inspect.iscoroutinefunction(each) is is_async
        )

    def around_enqueue(self, function: E) -> E:
        """Have a function called around the making of each job of this app, before it is sent.

        It is called as function(job, call) with the NewJob, goes on by `call(job)`, and returns
        what that returned: the job that is sent. It may pass on or return another, made of it with
        `msgspec.structs.replace`, with the same id and kind; what it raises refuses the job. It
        sees the args before they are sealed, and a uniqueness is that of the job that it returns.
        All ways to enqueue pass here, also those in bulk and in a caller's transaction; jobs of
        SQL, of schedules and of a bare `Kind` do not. Raises: UsageError, for what is no function.
        """
        given: object = function
        if not callable(given) or inspect.iscoroutinefunction(given):
            raise UsageError(f"around_enqueue takes a plain function (job, call), not {given!r}")
        self.enqueue_layers += (function,)
        return function

    def around_run(self, function: F) -> F:
        """Have a function called around each run: a plain one around plain handlers, an `async def`
        around async ones; see `runtime.middleware`. A handler has `around_run`, too, for its own.

        Raises: UsageError, for what cannot be a middleware.
        """
        check_around(function)
        self._run_layers += (function,)
        self._forget_all()
        return function

    @overload
    def resource(self, function: Callable[..., Any], /) -> Resource: ...
    @overload
    def resource(
        self, function: None = None, /, *, scope: Scope = "child", eager: bool = False
    ) -> Callable[[Callable[..., Any]], Resource]: ...
    def resource(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        scope: Scope = "child",
        eager: bool = False,
    ) -> Any:
        """Make a function the provider of what handlers take as `*, name: Type = injected`.

        The function returns the value, or yields it once and cleans up after that; an `async def`
        is for async handlers. Its return annotation is the type by which handlers, and its own
        parameters those by which it, ask for resources; `Annotated[Type, provider]` asks for one by
        name. Values never cross processes: each child makes its own.

        Args: scope: "child", once a child and for all its runs, or "run", for one run (the call of
        a batch), whose error it is told. eager: before the child's first run, rather than within
        the first that needs it, and its timeout.
        Raises: UsageError. What does not fit is found when the app is prepared.
        """

        def add(function: Callable[..., Any]) -> Resource:
            self._forget_all()
            return self.registry.add(Resource(function, scope, eager))

        return add if function is None else add(function)

    def eager(self, is_async: bool) -> list[Resource]:
        """What a child for handlers of this sort sets up before its first run."""
        handlers = [each for each in self.handlers.values() if each.is_async is is_async]
        wanted = [each for handler in handlers for each in handler.resources() if each.eager]
        return list(dict.fromkeys(wanted))

    def _forget_all(self) -> None:
        for handler in self.handlers.values():
            handler.forget()
