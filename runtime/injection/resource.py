"""A resource: a function that sets something up for handlers, and how to recognise its use.

Rule: a parameter is a resource's if and only if its default is `injected`. It is no part of the
job's args, so it is keyword-only; which resource it asks for is told by its annotation.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any, Literal

from runtime.errors import UsageError
from runtime.handler_signature import resolved, signature_of
from runtime.injection_mark import injected

Scope = Literal["child", "run"]
_PRODUCERS = (
    collections.abc.Iterator,
    collections.abc.Iterable,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncGenerator,
)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Resource:
    """A provider of one value. Made by `App.resource`; it stays callable as it was.

    Args: function: returns the value, or yields it once and then cleans up; sync or async. Its own
    parameters are resources. scope, eager: see `App.resource`.
    Raises: UsageError, for a function that cannot provide.
    """

    __name__: str

    def __init__(self, function: Callable[..., Any], scope: Scope, eager: bool) -> None:
        if not callable(function):
            raise UsageError(f"@app.resource takes a function, not {function!r}")
        if scope not in ("child", "run"):
            raise UsageError(f'the scope of a resource is "child" or "run", not {scope!r}')
        self.name: str = getattr(function, "__name__", repr(function))
        if eager and scope == "run":
            raise UsageError(f"{self.name}: only a resource of scope child can be eager")
        functools.update_wrapper(typing.cast("Callable[..., Any]", self), function)
        self.function = function
        self.scope: Scope = scope
        self.eager = eager
        self.yields = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        self.is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(
            function
        )
        self._signature = signature_of(self.name, function)
        self.needs: dict[str, Resource] = {}  # by parameter; found when the app is prepared

    def __repr__(self) -> str:
        return f"<Resource {self.name}, of each {self.scope}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself: for one that yields, its generator."""
        return self.function(*args, **kwargs)

    def provides(self) -> Any:
        """The type that it gives, None if it does not say. Raises: UsageError, unresolvable."""
        annotation = self._signature.return_annotation
        if annotation is inspect.Signature.empty:
            return None
        hint = resolved(self.name, self.function, "return", annotation)
        if not self.yields:
            return hint
        if typing.get_origin(hint) not in _PRODUCERS:
            raise UsageError(f"{self.name} yields: annotate what it returns as Iterator[...]")
        return typing.get_args(hint)[0]

    def parameters(self) -> list[tuple[str, Any]]:
        """Name and type of what it needs itself; a parameter with another default is its own."""
        return [
            (each.name, resolved(self.name, self.function, each.name, each.annotation))
            for each in self._signature.parameters.values()
            if each.default in (inspect.Parameter.empty, injected) and each.kind not in _VARIADIC
        ]
