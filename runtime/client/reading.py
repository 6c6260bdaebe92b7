"""Waits for what a workflow publishes.

    look ─▶ there: its value
      ▲  └▶ not yet: wish to be told, wait ──(told, or the pause is over)──┐
      └────────────────────────────────────────────────────────────────────┘
    told: "published" and "finished", by the listener of `runtime.client.waiting`

Rules: a NOTIFY is a hint and the row is the truth. Who finds the value at once writes nothing. What
is published in the moment in which the wish is written may go untold: the first pauses are short.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

# Pauses between looks, in seconds, doubled from the first to the last; and to which while nobody
# tells us: behind a pooler, or between connections.
FIRST_PAUSE_SECONDS = 0.01
LAST_PAUSE_SECONDS = 1.0
LAST_PAUSE_DEAF_SECONDS = 0.25
# How long a wish to be told is kept, and when it is prolonged.
WISH_SECONDS = 60.0
PROLONG_SECONDS = 40.0


class Hearers:
    """Who wants to be stirred when something is told of a job; in one asyncio loop."""

    def __init__(self) -> None:
        self._events: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def of(self, job_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set whenever something is told of this job."""
        stir = asyncio.Event()
        self._events[job_id].add(stir)
        try:
            yield stir
        finally:
            self._events[job_id].discard(stir)
            if not self._events[job_id]:
                del self._events[job_id]

    def hear(self, payload: str) -> None:
        """Of a notification."""
        with contextlib.suppress(ValueError):  # not ours: anybody may notify
            for stir in self._events.get(UUID(payload), ()):
                stir.set()

    def stir_all(self) -> None:
        """Something may have gone unheard."""
        for stirs in self._events.values():
            for stir in stirs:
                stir.set()


class Pauses:
    """When to look again; and when to wish again to be told."""

    def __init__(self, stir: asyncio.Event, timeout: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._stir = stir
        self._pause = FIRST_PAUSE_SECONDS
        self._end = math.inf if timeout is None else self._loop.time() + timeout
        self._wish_at = -math.inf

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self._loop.time() >= self._end

    def wishes(self) -> bool:
        """Whether to write the wish now."""
        now = self._loop.time()
        if now < self._wish_at:
            return False
        self._wish_at = now + PROLONG_SECONDS
        return True

    async def wait(self, *, told: bool) -> None:
        """Until somebody stirs, or the pause is over. `told`: whether somebody would."""
        pause = min(self._pause, LAST_PAUSE_SECONDS if told else LAST_PAUSE_DEAF_SECONDS)
        self._pause = 2 * pause
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(pause, self._end - self._loop.time()))):
                await self._stir.wait()
