"""What is set up in a child for plain handlers, and what one run takes from it.

    call ─▶ values for its parameters ─▶ function ─▶ clean-up of the run's own, in reverse
                │ scope child: from the shelf, set up there if need be

Rule: a resource that yields is told of the run's error at its yield, as a context manager would be,
but cannot swallow it: a run that was interrupted must not look completed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import attrs

from runtime.errors import UsageError
from runtime.injection.resource import Resource

logger = logging.getLogger("headrace")

Values = dict[Resource, Any]


@attrs.define(eq=False)
class Opened:
    """A resource that is set up."""

    resource: Resource
    value: Any
    generator: Generator[Any, None, None] | None = None

    def close(self, error: BaseException | None = None) -> None:
        """Clean up. `error`: what the run failed with. Raises: what the clean-up raises."""
        if self.generator is None:
            return
        try:
            if error is None:
                next(self.generator)
            else:
                self.generator.throw(error)
        except StopIteration:
            return
        self.generator.close()
        raise UsageError(f"the resource {self.resource.name} yields more than once")


def open_one(resource: Resource, arguments: Mapping[str, Any]) -> Opened:
    """Set a resource up. Raises: whatever its function raises."""
    made = resource.function(**arguments)
    if not resource.yields:
        return Opened(resource, made)
    try:
        return Opened(resource, next(made), made)
    except StopIteration:
        raise UsageError(f"the resource {resource.name} yields nothing") from None


def close_all(opened: list[Opened], error: BaseException | None) -> BaseException | None:
    """Clean up, the last one first. Returns what is left: a clean-up's own error, or `error`."""
    while opened:
        try:
            opened.pop().close(error)
        except BaseException as raised:
            error = raised
    return error


class Shelf:
    """The resources of scope child of one child, in the order in which they were set up."""

    def __init__(self) -> None:
        self._opened: dict[Resource, Opened] = {}

    def get(self, resource: Resource, arguments: Callable[[], Mapping[str, Any]]) -> Any:
        """Its value. It is set up first, if it is not there; `arguments` gives what that needs."""
        if resource not in self._opened:
            self._opened[resource] = open_one(resource, arguments())
        return self._opened[resource].value

    def open_eager(self, resources: Iterable[Resource]) -> None:
        """Set these up now. One that fails is logged, and left to the first run that needs it."""
        for resource in resources:
            try:
                _Taking(self, {}, []).value(resource)
            except Exception:
                logger.exception("the resource %s could not be set up", resource.name)

    def close(self) -> None:
        """Clean all up, in reverse. What a clean-up raises is logged."""
        for opened in reversed(list(self._opened.values())):
            try:
                opened.close()
            except Exception:
                logger.exception("the resource %s could not be cleaned up", opened.resource.name)
        self._opened.clear()


shelf_of_child: ContextVar[Shelf | None] = ContextVar("headrace_shelf", default=None)
"""The child's shelf. Without one, as in a test, what is set up for a run lives as long as it."""

given: ContextVar[Mapping[Resource, Any]] = ContextVar("headrace_given", default={})  # noqa: B039
"""Values that stand in for resources, as in `runtime.testing.perform`."""


@attrs.frozen
class _Taking:
    """One run's way to its resources: `values` are those it has, `opened` are its own."""

    shelf: Shelf
    values: Values
    opened: list[Opened]

    def value(self, resource: Resource) -> Any:
        if resource not in self.values:
            self.values[resource] = self._get(resource)
        return self.values[resource]

    def _get(self, resource: Resource) -> Any:
        if resource.scope == "child":
            return self.shelf.get(resource, lambda: self._arguments(resource))
        self.opened.append(open_one(resource, self._arguments(resource)))
        return self.opened[-1].value

    def _arguments(self, resource: Resource) -> dict[str, Any]:
        return {name: self.value(needed) for name, needed in resource.needs.items()}


def injecting(function: Callable[..., Any], needs: Mapping[str, Resource]) -> Callable[..., Any]:
    """`function`, called with its resources."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with _shelf() as shelf:
            taking = _Taking(shelf, dict(given.get()), [])
            try:
                resources = {name: taking.value(resource) for name, resource in needs.items()}
                result = function(*args, **kwargs, **resources)
            except BaseException as error:
                raised = close_all(taking.opened, error)
                if raised is error or raised is None:
                    raise
                raise raised  # noqa: B904 - it has the error as its context
            failed = close_all(taking.opened, None)
            if failed is not None:
                raise failed
            return result

    return call


@contextlib.contextmanager
def _shelf() -> Iterator[Shelf]:
    shelf = shelf_of_child.get()
    if shelf is not None:
        yield shelf
        return
    shelf = Shelf()
    try:
        yield shelf
    finally:
        shelf.close()


@contextlib.contextmanager
def standing_in(values: Mapping[Resource, Any]) -> Iterator[None]:
    """Inside the block, runs are given these values, and these resources are not set up."""
    token = given.set(values)
    try:
        yield
    finally:
        given.reset(token)
