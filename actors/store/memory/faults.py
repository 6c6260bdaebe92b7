"""What can go wrong with a database, on demand, for tests.

Rules: a fault strikes a method by its name, or every method ("*"). Before its effect: nothing was
written. After it (`lose_reply`): it was, and the caller cannot know.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable

import attrs
import trio

from runtime.errors import StoreUnavailable


@attrs.define(eq=False)
class Hold:
    """A call that is being held up: `reached` is set when it has come here, until `release()`."""

    reached: trio.Event = attrs.field(factory=trio.Event)
    _released: trio.Event = attrs.field(factory=trio.Event)

    def release(self) -> None:
        """Let the call go on."""
        self._released.set()

    async def pass_through(self) -> None:
        """Say that the call is here, and wait until it may go on."""
        self.reached.set()
        await self._released.wait()


@attrs.define(eq=False)
class Faults:
    """The faults of one MemoryStore.

    Attributes: commit: called when a call has had its effect. unavailable: while True, every call
    raises StoreUnavailable and listening is lost.
    calls: how often each method was called.
    """

    commit: Callable[[], None]
    unavailable: bool = False
    calls: Counter[str] = attrs.field(factory=Counter)
    _failures: dict[str, list[Exception]] = attrs.field(factory=dict)
    _lost_replies: Counter[str] = attrs.field(factory=Counter)
    _delays: dict[str, float] = attrs.field(factory=dict)
    _holds: dict[tuple[str, bool], list[Hold]] = attrs.field(factory=dict)

    def fail_next(
        self, method: str = "*", *, times: int = 1, error: Exception | None = None
    ) -> None:
        """The next calls raise `error` (StoreUnavailable by default) and have no effect."""
        failure = error if error is not None else StoreUnavailable("made to fail")
        self._failures.setdefault(method, []).extend([failure] * times)

    def lose_reply(self, method: str, *, times: int = 1) -> None:
        """The next calls take effect, and then raise StoreUnavailable."""
        self._lost_replies[method] += times

    def slow(self, method: str, seconds: float) -> None:
        """Each call takes so long before its effect; 0 undoes it."""
        self._delays[method] = seconds

    def hold(self, method: str, *, after: bool = False) -> Hold:
        """Hold up the next call before its effect, or after it and before its answer."""
        hold = Hold()
        self._holds.setdefault((method, after), []).append(hold)
        return hold

    @contextlib.asynccontextmanager
    async def around(self, method: str) -> AsyncIterator[None]:
        """Wraps the effect of one call."""
        self.calls[method] += 1
        await trio.lowlevel.checkpoint()
        await self._wait(method, after=False)
        self._fail(method)
        yield
        self.commit()
        await self._wait(method, after=True)
        if self._lost_replies[method] > 0:
            self._lost_replies[method] -= 1
            raise StoreUnavailable(f"{method}: the answer was lost")

    async def _wait(self, method: str, *, after: bool) -> None:
        delay = self._delays.get(method, 0.0)
        if delay > 0 and not after:
            await trio.sleep(delay)
        holds = self._holds.get((method, after))
        if holds:
            await holds.pop(0).pass_through()

    def _fail(self, method: str) -> None:
        if self.unavailable:
            raise StoreUnavailable(f"{method}: made unavailable")
        for name in (method, "*"):
            if self._failures.get(name):
                raise self._failures[name].pop(0)
