"""Resources of `async def` handlers: many runs at once share what is set up in their child.

A resource of scope child has a task of its own, its keeper, in which it is set up, kept and cleaned
up: so what must be left in the task where it was entered can be, and a run that is cancelled while
it waits takes nothing away from the others. Runs that need it meanwhile wait for the same set-up.

Rules: a set-up that nobody waits for any more is cancelled. One that fails is the failure of all
runs that waited for it, and the next run begins a new one. Plain resources, which may be among
them, block the loop while they are set up.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any

import attrs

from runtime.errors import UsageError
from runtime.injection.resource import Resource
from runtime.injection.shelf import Opened, Values, given, logger, open_one

Arguments = Callable[[], Awaitable[Mapping[str, Any]]]


@attrs.define(eq=False)
class AsyncOpened:
    """A resource that is set up."""

    resource: Resource
    value: Any
    plain: Opened | None = None
    generator: AsyncGenerator[Any, None] | None = None

    async def close(self, error: BaseException | None = None) -> None:
        """As `Opened.close`."""
        if self.plain is not None:
            self.plain.close(error)
        if self.generator is None:
            return
        try:
            if error is None:
                await anext(self.generator)
            else:
                await self.generator.athrow(error)
        except StopAsyncIteration:
            return
        await self.generator.aclose()
        raise UsageError(f"the resource {self.resource.name} yields more than once")


async def open_async(resource: Resource, arguments: Mapping[str, Any]) -> AsyncOpened:
    """Set a resource up, a plain one too. Raises: whatever its function raises."""
    if not resource.is_async:
        plain = open_one(resource, arguments)
        return AsyncOpened(resource, plain.value, plain)
    if not resource.yields:
        return AsyncOpened(resource, await resource.function(**arguments))
    made = resource.function(**arguments)
    try:
        return AsyncOpened(resource, await anext(made), generator=made)
    except StopAsyncIteration:
        raise UsageError(f"the resource {resource.name} yields nothing") from None


class Keeper:
    """The life of one resource of scope child, in a task of its own."""

    def __init__(
        self,
        resource: Resource,
        arguments: Arguments,
        context: contextvars.Context,
        order: list[Keeper],
    ) -> None:
        self.resource = resource
        self._order = order  # those that are set up, each after what it needs
        self.failed = False
        self._arguments = arguments
        self._waiting = 0
        self._leave = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[Any] = loop.create_future()
        self._task = loop.create_task(self._live(), context=context)

    async def value(self) -> Any:
        """Wait for the set-up. Raises: what it raised."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._ready)
        finally:
            self._waiting -= 1
            if not self._waiting and not self._ready.done():
                self.failed = True
                self._task.cancel()

    async def leave(self) -> None:
        """Clean up, and wait until that is done. What it raises is logged."""
        self._leave.set()
        await asyncio.wait([self._task])

    async def _live(self) -> None:
        try:
            opened = await open_async(self.resource, await self._arguments())
        except BaseException as error:
            self.failed = True
            if isinstance(error, Exception) and self._waiting:
                self._ready.set_exception(error)
                return
            self._ready.cancel()
            raise
        self._order.append(self)
        self._ready.set_result(opened.value)
        await self._leave.wait()
        try:
            await opened.close()
        except Exception:
            logger.exception("the resource %s could not be cleaned up", self.resource.name)


class AsyncShelf:
    """The resources of scope child of a child for async handlers."""

    def __init__(self) -> None:
        self._keepers: dict[Resource, Keeper] = {}
        self._order: list[Keeper] = []
        self._context = contextvars.copy_context()  # not that of the run that comes first

    async def get(self, resource: Resource, arguments: Arguments) -> Any:
        """As `Shelf.get`."""
        keeper = self._keepers.get(resource)
        if keeper is None or keeper.failed:
            keeper = Keeper(resource, arguments, self._context.copy(), self._order)
            self._keepers[resource] = keeper
        return await keeper.value()

    async def open_eager(self, resources: Iterable[Resource]) -> None:
        """As `Shelf.open_eager`."""
        for resource in resources:
            try:
                await _Taking(self, {}, []).value(resource)
            except Exception:
                logger.exception("the resource %s could not be set up", resource.name)

    async def close(self) -> None:
        """As `Shelf.close`."""
        while self._order:
            await self._order.pop().leave()
        self._keepers.clear()


async_shelf_of_child: ContextVar[AsyncShelf | None] = ContextVar(
    "headrace_async_shelf", default=None
)
"""As `shelf_of_child`."""


@attrs.frozen
class _Taking:
    """As that of a plain run."""

    shelf: AsyncShelf
    values: Values
    opened: list[AsyncOpened]

    async def value(self, resource: Resource) -> Any:
        if resource not in self.values:
            self.values[resource] = await self._get(resource)
        return self.values[resource]

    async def _get(self, resource: Resource) -> Any:
        if resource.scope == "child":
            return await self.shelf.get(resource, lambda: self._arguments(resource))
        self.opened.append(await open_async(resource, await self._arguments(resource)))
        return self.opened[-1].value

    async def _arguments(self, resource: Resource) -> dict[str, Any]:
        return {name: await self.value(needed) for name, needed in resource.needs.items()}

    async def close(self, error: BaseException | None) -> BaseException | None:
        while self.opened:
            try:
                await self.opened.pop().close(error)
            except BaseException as raised:
                error = raised
        return error


def injecting_async(
    function: Callable[..., Any], needs: Mapping[str, Resource]
) -> Callable[..., Any]:
    """`function`, called with its resources."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        async with _shelf() as shelf:
            taking = _Taking(shelf, dict(given.get()), [])
            try:
                resources = {name: await taking.value(each) for name, each in needs.items()}
                result = await function(*args, **kwargs, **resources)
            except BaseException as error:
                raised = await taking.close(error)
                if raised is error or raised is None:
                    raise
                raise raised  # noqa: B904 - it has the error as its context
            failed = await taking.close(None)
            if failed is not None:
                raise failed
            return result

    return call


@contextlib.asynccontextmanager
async def _shelf() -> AsyncIterator[AsyncShelf]:
    shelf = async_shelf_of_child.get()
    if shelf is not None:
        yield shelf
        return
    shelf = AsyncShelf()
    try:
        yield shelf
    finally:
        await shelf.close()
