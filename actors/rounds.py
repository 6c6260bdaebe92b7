"""Rounds: ask the Store the same thing every so often, with patience. The loop of maintenance.

    async for staged in Rounds(life, "stager", store_stage, seconds=5.0, observe=observe):
        ...

Rules: an answer is a turn of the loop; what the Store did not answer is asked again after a
backoff. A stop does not wait for an answer: what is asked for is one statement, done or not done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from actors import events
from actors.kit.life import Life
from actors.kit.ticker import Ticker
from actors.retry import Retry, answered
from runtime.errors import StoreUnavailable

T = TypeVar("T")


class Rounds(Generic[T]):
    """An async iterator over answers; it ends when `life` is stopping.

    Args:
        actor: who asks, for the log.
        ask: called once a round.
        seconds: between rounds; see Ticker, also for jitter.
        answer_seconds: how long one answer may take; then it is asked for again.
    """

    def __init__(
        self,
        life: Life,
        actor: str,
        ask: Callable[[], Awaitable[T]],
        *,
        seconds: float,
        jitter: float = 0.0,
        answer_seconds: float = float("inf"),
        observe: events.Observer = events.ignore,
    ) -> None:
        self._life = life
        self._actor = actor
        self._observe = observe
        self._ask = ask
        self._answer_seconds = answer_seconds
        self._retry = Retry(actor, observe)
        self._ticker = Ticker(seconds, jitter=jitter, life=life)

    def wake(self) -> None:
        """Ask as soon as the body is ready."""
        self._ticker.wake()

    def again_within(self, seconds: float) -> None:
        """Called in the body: let the next round come after at most `seconds`."""
        self._ticker.tick_within(seconds)

    def __aiter__(self) -> Rounds[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            await self._ticker.__anext__()
            self._observe(events.Beat(self._actor))
            try:
                with self._life.stop_scope():
                    answer = await answered(self._ask(), "a question", self._answer_seconds)
                    self._retry.succeeded()
                    return answer
            except StoreUnavailable as error:
                with self._life.stop_scope():
                    await self._retry.after(error)
                self._ticker.tick_within(0)
