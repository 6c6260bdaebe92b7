"""An app's resources: which one a parameter asks for, and whether that can be had.

Rule: all of it is found out when the app is prepared, at `serve`: an unknown type, one that several
resources give, a circle, a child's resource that needs a run's, an async one in a plain handler.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

from runtime.errors import UsageError
from runtime.handler_signature import resolved
from runtime.injection.resource import Resource


class Registry:
    """The resources of one app, in the order of their definition."""

    def __init__(self) -> None:
        self._resources: list[Resource] = []

    def add(self, resource: Resource) -> Resource:
        """One more."""
        self._resources.append(resource)
        return resource

    def needs(
        self,
        owner: str,
        function: Callable[..., Any],
        injected: Iterable[inspect.Parameter],
        *,
        is_async: bool,
    ) -> dict[str, Resource]:
        """The resource of each injected parameter of a handler. Raises: UsageError."""
        found = {}
        for parameter in injected:
            hint = resolved(owner, function, parameter.name, parameter.annotation)
            found[parameter.name] = self._find(owner, parameter.name, hint)
        for resource in found.values():
            self._check(resource, (), owner, is_async=is_async)
        return found

    def _find(self, owner: str, name: str, hint: Any) -> Resource:
        where = f"{owner}: its parameter {name}"
        if typing.get_origin(hint) is Annotated:
            hint, *notes = typing.get_args(hint)
            named = [note for note in notes if isinstance(note, Resource)]
            if named:
                return named[0]
        giving = [each for each in self._resources if each.provides() == hint]
        if not giving:
            known = ", ".join(each.name for each in self._resources) or "none"
            raise UsageError(
                f"{where} is injected, and no resource gives {hint!r}; the app's resources: {known}"
            )
        if len(giving) > 1:
            raise UsageError(
                f"{where} can be had from {', '.join(each.name for each in giving)}: say from "
                f"which, as Annotated[..., {giving[0].name}]"
            )
        return giving[0]

    def _check(
        self, resource: Resource, path: tuple[Resource, ...], owner: str, *, is_async: bool
    ) -> None:
        way = " -> ".join(each.name for each in (*path, resource))
        if resource in path:
            raise UsageError(f"{owner}: resources need each other in a circle: {way}")
        if resource.is_async and not is_async:
            raise UsageError(f"{owner} is not async, and its resource {way} is")
        if path and path[-1].scope == "child" and resource.scope == "run":
            raise UsageError(f"{way}: a resource of each child cannot need one of each run")
        resource.needs = {
            name: self._find(resource.name, name, hint) for name, hint in resource.parameters()
        }
        for needed in resource.needs.values():
            self._check(needed, (*path, resource), owner, is_async=is_async)


def all_of(needs: Mapping[str, Resource]) -> Iterator[Resource]:
    """These resources and what they need, each after its own needs; some come twice."""
    for resource in needs.values():
        yield from all_of(resource.needs)
        yield resource
