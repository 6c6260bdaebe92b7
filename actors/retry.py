"""How an actor waits for a database that does not answer: for how long, and how often."""

from __future__ import annotations

import random
from collections.abc import Awaitable
from typing import TypeVar

import trio

from actors import events
from runtime.errors import StoreUnavailable

# The first wait; it doubles up to the last. A restart of PostgreSQL takes 0.1 to 2 s here, so the
# work resumes within a second of its return, and an hour's outage costs one attempt a second.
FIRST_WAIT_SECONDS = 0.05
LAST_WAIT_SECONDS = 1.0
# For a question that takes milliseconds, and that others wait for: as long as for a claim.
ANSWER_SECONDS = 10.0

T = TypeVar("T")


async def answered(call: Awaitable[T], what: str, seconds: float) -> T:
    """The answer of a call that everything else waits for. Raises StoreUnavailable if it is late.

    Its connection may be dead while others would do; a statement of any kind has half a minute.
    """
    with trio.move_on_after(seconds):
        return await call
    raise StoreUnavailable(f"{what} was not answered within {seconds:g} s")


class Retry:
    """One actor's patience with the Store. Reports StoreLost at a loss and StoreBack after it."""

    def __init__(self, actor: str, observe: events.Observer) -> None:
        self._actor = actor
        self._observe = observe
        self._failures = 0
        self._lost_at = 0.0

    async def after(self, error: StoreUnavailable) -> None:
        """The Store did not answer: wait a little, longer each time in a row."""
        if self._failures == 0:
            self._lost_at = trio.current_time()
            self._observe(events.StoreLost(self._actor, str(error)))
        wait = min(FIRST_WAIT_SECONDS * 2.0 ** min(self._failures, 16), LAST_WAIT_SECONDS)
        self._failures += 1
        await trio.sleep(wait * random.uniform(0.75, 1.25))

    def succeeded(self) -> None:
        """The Store answered."""
        if self._failures:
            self._failures = 0
            self._observe(events.StoreBack(self._actor, trio.current_time() - self._lost_at))
