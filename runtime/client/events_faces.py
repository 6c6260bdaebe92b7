"""`client.events`: a subscription, for sync code and for asyncio and trio."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from runtime.client.core import Core
from runtime.client.groups import AsyncCall, SyncCall
from runtime.client.subscribing import Subscribed
from runtime.errors import UsageError
from runtime.event import Event

Make = Callable[[Core], Subscribed]


class _Subscription:
    def __init__(self) -> None:
        self._made: Subscribed | None = None

    @property
    def lost(self) -> int:
        """Events that came and found no room, because they were not taken fast enough."""
        return 0 if self._made is None else self._made.lost

    @property
    def gaps(self) -> int:
        """How often the connection was lost. What happened meanwhile was not heard."""
        return 0 if self._made is None else max(0, self._made.gaps)

    @property
    def _subscribed(self) -> Subscribed:
        if self._made is None:
            raise UsageError("events are heard inside a `with` block: with client.events() as ...")
        return self._made


class Events(_Subscription):
    """Events, as they come; at most once. Use it in a `with` statement: it subscribes on entry.

    An iterator that does not end by itself; `next` waits for one event.
    """

    def __init__(self, call: SyncCall, make: Make) -> None:
        super().__init__()
        self._call = call
        self._make = make

    def __enter__(self) -> Self:
        async def begin(core: Core) -> Subscribed:
            made = self._make(core)
            await made.begin()
            return made

        self._made = self._call(begin)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        made = self._subscribed
        self._call(lambda core: made.end())

    def next(self, timeout: float | None = None) -> Event | None:
        """The next event; None if none comes within `timeout` seconds."""
        made = self._subscribed
        return self._call(lambda core: made.next(timeout))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.next()
        if event is None:
            raise StopIteration
        return event


class AsyncEvents(_Subscription):
    """As `Events`, with `async with` and `async for`."""

    def __init__(self, call: AsyncCall, make: Make) -> None:
        super().__init__()
        self._call = call
        self._make = make

    async def __aenter__(self) -> Self:
        async def begin(core: Core) -> Subscribed:
            made = self._make(core)
            await made.begin()
            return made

        self._made = await self._call(begin)
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        made = self._subscribed
        await self._call(lambda core: made.end())

    async def next(self, timeout: float | None = None) -> Event | None:
        """As `Events.next`."""
        made = self._subscribed
        return await self._call(lambda core: made.next(timeout))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self.next()
        if event is None:
            raise StopAsyncIteration
        return event
