"""How a client shows a part of what it can do as one object: `client.jobs`, `client.queues`.

    client.jobs.list(...)                  a face: sync, or async for asyncio and trio
        └─ _call(lambda work: work.list(...))
              └─ in the asyncio loop: the work, over `Database`, made anew for each call

The work is a class with async methods, in a file of its own; it knows neither threads nor trio and
keeps no state. Its two faces are thin and lie together in one more file. Rule: what a caller
gave to be called (such as a report of progress) is called in the caller's own thread or task: so
whatever takes several steps yields them, and the face drives it with `_drive`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, Protocol, TypeVar

from runtime.client.core import Core

W = TypeVar("W")
T = TypeVar("T")
R = TypeVar("R")

WorkStep = Callable[[W], Coroutine[Any, Any, Any]]
Steps = Generator[WorkStep[W], Any, R]
"""What to await, one after the other; each value is sent back in, each error thrown in."""


class SyncCall(Protocol):
    """A sync client's `_call`: awaits in the client's loop what is made of its core."""

    def __call__(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T: ...


class AsyncCall(Protocol):
    """An async client's `_call_core`."""

    async def __call__(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T: ...


class SyncGroup(Generic[W]):
    """A face for sync code. Args: call: the client's; work: makes what does the work."""

    def __init__(self, call: SyncCall, work: Callable[[Core], W]) -> None:
        self._client_call = call
        self._work = work

    def _call(self, step: Callable[[W], Coroutine[Any, Any, T]]) -> T:
        return self._client_call(lambda core: step(self._work(core)))

    def _drive(self, steps: Steps[W, R]) -> R:
        try:
            step = next(steps)
            while True:
                try:
                    value = self._call(step)
                except Exception as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as end:
            result: R = end.value
            return result


class AsyncGroup(Generic[W]):
    """As `SyncGroup`, for asyncio and trio."""

    def __init__(self, call: AsyncCall, work: Callable[[Core], W]) -> None:
        self._client_call = call
        self._work = work

    async def _call(self, step: Callable[[W], Coroutine[Any, Any, T]]) -> T:
        return await self._client_call(lambda core: step(self._work(core)))

    async def _drive(self, steps: Steps[W, R]) -> R:
        try:
            step = next(steps)
            while True:
                try:
                    value = await self._call(step)
                except Exception as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as end:
            result: R = end.value
            return result
