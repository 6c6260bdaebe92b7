"""Ticker: the loop of an actor that does something every so often. Loops exist once, here.

    async for _ in every(30.0, jitter=0.1, life=life):
        await rescue()

Rules: the wait is counted from the end of the body, so slow bodies never pile up ticks; wakeups
are hints, remembered one deep; a stop ends the waiting, never the body.
"""

import random
from collections.abc import Callable
from typing import Self

import trio

from actors.kit.life import Life


class Ticker:
    """An async iterator that ticks at once, and then every `seconds` or when woken.

    Args:
        seconds: between the end of a body and the next tick, >= 0; inf means: only when woken.
        jitter: 0 to below 1; each wait is drawn evenly from seconds * (1 - jitter) to
            seconds * (1 + jitter), so that nodes do not tick in step.
        life: when given, the iteration ends once it is stopping.
        draw: where the jitter comes from: returns a float in [0, 1).

    The value of a tick is True when a wakeup caused it. For one task at a time.
    """

    def __init__(
        self,
        seconds: float,
        *,
        jitter: float = 0.0,
        life: Life | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        if seconds < 0 or not 0 <= jitter < 1:
            raise ValueError(
                f"a ticker needs seconds >= 0 and 0 <= jitter < 1: {seconds}, {jitter}"
            )
        self._seconds = seconds
        self._jitter = jitter
        self._life = life
        self._draw = draw
        self._woken = trio.Event()
        self._wait_seconds = 0.0  # before the coming tick; the first one comes at once

    def wake(self) -> None:
        """Tick as soon as the body is ready: now, or right after it. Any number counts once."""
        self._woken.set()

    def tick_within(self, seconds: float) -> None:
        """Called in the body: let the coming tick, and only that, come after at most `seconds`."""
        self._wait_seconds = min(self._wait_seconds, max(seconds, 0.0))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bool:
        if self._life is None:
            await self._wait()
        else:
            with self._life.stop_scope():
                await self._wait()
            if self._life.stopping:
                raise StopAsyncIteration
        woken = self._woken.is_set()
        self._woken = trio.Event()
        self._wait_seconds = self._seconds * (1 + self._jitter * (2 * self._draw() - 1))
        return woken

    async def _wait(self) -> None:
        with trio.move_on_after(self._wait_seconds):
            await self._woken.wait()


def every(
    seconds: float,
    jitter: float = 0.0,
    *,
    life: Life | None = None,
    draw: Callable[[], float] = random.random,
) -> Ticker:
    """Return a Ticker; keep a reference to it when others shall be able to wake it."""
    return Ticker(seconds, jitter=jitter, life=life, draw=draw)
