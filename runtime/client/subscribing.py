"""A client's subscription to events: a listener of its own, a row that asks for them, a buffer.

    LISTEN ─▶ row in `subscriber`, prolonged ─▶ events ─▶ filter ─▶ buffer ─▶ next

Rules: what is in the buffer came in the order of its commits. A full buffer drops its oldest events
and counts them. What is committed while the connection is lost is not heard; each loss is counted.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging

import msgspec

from runtime.client.database import Database
from runtime.client.listening import Listener
from runtime.client.statements import statement
from runtime.errors import StoreUnavailable, UsageError
from runtime.event import Event, EventFilter, as_list, events_of
from runtime.ids import uuid7

DEFAULT_BUFFER = 10_000  # events; some megabytes
# How long a wish for events is kept, and how often it is prolonged, in seconds.
WISH_SECONDS = 60.0
PROLONG_SECONDS = 20.0
AGAIN_SECONDS = 1.0  # where the database did not answer
# Until the first look at the database must have succeeded.
BEGIN_SECONDS = 30.0

logger = logging.getLogger("headrace")


class Subscribed:
    """A subscription, in an asyncio loop. Attributes: lost, gaps: see `Events`."""

    def __init__(self, database: Database, wanted: EventFilter, buffer: int) -> None:
        if database.pooler:
            raise UsageError("events need LISTEN, which a transaction pooler does not offer")
        if buffer < 1:
            raise UsageError(f"buffer={buffer}: give 1 or more events")
        self.lost = 0
        self.gaps = -1  # the first connection closes none
        self._id = uuid7()
        self._database = database
        self._wanted = wanted
        self._most = buffer
        self._events: collections.deque[Event] = collections.deque()
        self._arrived = asyncio.Event()
        self._begun = asyncio.Event()
        self._listener = Listener(database, {"event": self._hear}, self._back)
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = asyncio.Event()

    async def begin(self) -> None:
        """What is committed from now on is heard. Raises: StoreUnavailable."""
        self._tasks = [
            asyncio.create_task(self._listener.run(), name="headrace events"),
            asyncio.create_task(self._prolong(), name="headrace subscription"),
        ]
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._begun.wait()
        except TimeoutError:
            await self.end()
            raise StoreUnavailable(f"no subscription within {BEGIN_SECONDS:g} s") from None

    async def next(self, timeout: float | None) -> Event | None:
        """The next event; None if none comes in this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not self._events:
                    if not self._tasks:
                        raise StoreUnavailable("this subscription is closed")
                    self._arrived.clear()
                    await self._arrived.wait()
        return self._events.popleft() if self._events else None

    async def end(self) -> None:
        """Ask for no more."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._arrived.set()
        text = statement("unsubscribe", self._database.namespace)
        with contextlib.suppress(StoreUnavailable):  # then the wish runs out by itself
            await self._database.run(lambda conn: conn.fetch(text, self._id), repeatable=False)

    def _back(self) -> None:
        self.gaps += 1
        self._listening.set()

    def _hear(self, payload: str) -> None:
        try:
            events = events_of(payload)
        except msgspec.DecodeError:
            return  # not ours: anybody may notify
        self._events.extend(event for event in events if self._wanted.wants(event))
        while len(self._events) > self._most:
            self._events.popleft()
            self.lost += 1
        self._arrived.set()

    async def _prolong(self) -> None:
        """Ask as soon as we listen (again), and before the wish runs out.

        A crash of the database forgets all wishes: then the connection was lost, too.
        """
        await self._listening.wait()
        while True:
            self._listening.clear()
            pause = PROLONG_SECONDS
            try:
                await self._wish()
                self._begun.set()
            except StoreUnavailable as error:
                logger.debug("the subscription to events is not prolonged: %s", error)
                pause = AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._listening.wait()

    async def _wish(self) -> None:
        wanted = self._wanted
        values = [as_list(each) for each in (wanted.events, wanted.kinds, wanted.queues)]
        text = statement("subscribe", self._database.namespace)
        await self._database.run(lambda conn: conn.fetch(text, self._id, *values, WISH_SECONDS))
