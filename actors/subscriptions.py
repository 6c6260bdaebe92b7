"""Subscriptions to what this node does, for the program that embeds it.

    Workers, Acker, Control ── events ──▶ Subscriptions ── filter ──▶ buffers ──▶ async for

Rules: an end is told when it is written, as its node has decided it: of a cancellation that came in
that very moment, the database knows. A subscriber that does not keep up loses its oldest events,
which are counted; it never holds the node up. Nothing is done while nobody has subscribed. This is
of this node alone; `client.events()` tells of all nodes, from any process.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import trio

from actors import events
from runtime.event import Event, EventFilter, event_filter
from runtime.lifecycle import Ack, JobState

DEFAULT_BUFFER = 10_000  # events
# Ended runs whose outcome is not written yet; more are told of without their kind and queue.
_MOST_ENDED = 10_000


class Subscription:
    """Events of this node, as they come: an async iterator, until it is closed.

    Attributes: lost, how many events found no room.
    """

    def __init__(self, owner: Subscriptions, wanted: EventFilter, buffer: int) -> None:
        self.lost = 0
        self._owner = owner
        self._wanted = wanted
        self._most = buffer
        self._events: collections.deque[Event] = collections.deque()
        self._arrived = trio.Event()
        self._closed = False

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        await trio.lowlevel.checkpoint()
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._arrived = trio.Event()
            await self._arrived.wait()
        return self._events.popleft()

    def close(self) -> None:
        """Hear no more; what is in the buffer can still be taken."""
        self._closed = True
        self._owner.remove(self)
        self._arrived.set()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def put(self, event: Event) -> None:
        """For the owner: an event, if it is wanted."""
        if self._wanted.wants(event):
            self._events.append(event)
            if len(self._events) > self._most:
                self._events.popleft()
                self.lost += 1
            self._arrived.set()


class Subscriptions:
    """All subscriptions of a node. `observe` is one of its observers."""

    def __init__(self) -> None:
        self._all: list[Subscription] = []
        self._ended: collections.OrderedDict[UUID, events.RunEnded] = collections.OrderedDict()

    def subscribe(
        self,
        *names: str,
        kinds: Iterable[str] | None = None,
        queues: Iterable[str] | None = None,
        buffer: int = DEFAULT_BUFFER,
    ) -> Subscription:
        """Subscribe to these of `runtime.event.EVENTS`; none: to all. Raises: UsageError."""
        made = Subscription(self, event_filter(names, kinds, queues), max(1, buffer))
        self._all.append(made)
        return made

    def remove(self, subscription: Subscription) -> None:
        """It hears no more."""
        if subscription in self._all:
            self._all.remove(subscription)
        if not self._all:
            self._ended.clear()

    def observe(self, event: events.Event) -> None:
        """See Observer."""
        if not self._all:
            return
        match event:
            case events.RunsEnded():
                self._note_ended(event)
            case events.Acked():
                stale = set(event.stale)
                for ack in event.acks:
                    if (ack.id, ack.run_number) not in stale:
                        self._tell_ack(ack)
            case events.Rescued(jobs=jobs) if jobs:
                self._tell(Event("rescued", _now(), "", jobs=jobs))
            case events.QueuePaused(queue):
                self._tell(Event("paused", _now(), queue))
            case events.QueueResumed(queue):
                self._tell(Event("resumed", _now(), queue))

    def _note_ended(self, event: events.RunsEnded) -> None:
        for run in event.runs:
            if run.job_id is not None:
                self._ended[run.job_id] = run
        while len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def _tell_ack(self, ack: Ack) -> None:
        run = self._ended.pop(ack.id, None)
        word = _word(ack, run)
        if word is None:
            return
        failure = ack.failure
        told = Event(
            event=word,
            at=_now(),
            queue="" if run is None else run.queue,
            job_id=ack.id,
            kind=None if run is None else run.kind,
            state=ack.state.value,
            run_number=ack.run_number,
            error=None if failure is None else f"{failure.error_class}: {failure.message}",
            pid=None if failure is None else failure.pid,
            exit_status=None if failure is None else failure.exit_status,
            signal=None if failure is None else failure.signal,
            waits=None if word != "suspended" or run is None else run.waits or None,
        )
        self._tell(told)

    def _tell(self, event: Event) -> None:
        for subscription in self._all:
            subscription.put(event)


def _word(ack: Ack, run: events.RunEnded | None) -> str | None:
    """What is told of an outcome; None: nothing, of a run that was given back or began anew."""
    if ack.state.final:
        return ack.state.value
    if ack.failure is not None:
        return "failed"
    if run is not None and run.outcome == "suspended":
        return None if ack.state is JobState.AVAILABLE else "suspended"
    return None if ack.delay_seconds is None else "snoozed"


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
