"""The way from a trio task into an asyncio loop and back, one coroutine a crossing.

    trio task: carry ── to_loop(begin) ──▶ asyncio task: the coroutine
               sleeps ◀── to_trio(reschedule) ── its value or error

Rules: the trio task wakes when the asyncio task has settled, and not before, also when it is
cancelled. An asyncio cancellation that no trio scope asked for means that the bridge is closing.
A cancelled coroutine may tidy up (roll back, unlock), but not for ever: a connection that nobody
answers would hold it, so it is cancelled again.
Kept this lean because it is on the way of each claim and ack: one callback each way, no future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, NoReturn, TypeVar, cast

import attrs
import outcome
import trio

from actors.store.bridge.pool import TIDY_SECONDS
from runtime.errors import StoreUnavailable

T = TypeVar("T")
Make = Callable[[], Coroutine[Any, Any, T]]


@attrs.frozen
class Carrier:
    """How to get to the other side and back.

    Attributes: to_loop, calls a function in the loop; spawn, makes an asyncio task, in the loop;
    to_trio, calls a function with its arguments among trio's tasks. Each keeps the order of calls.
    """

    to_loop: Callable[[Callable[[], None]], object]
    spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
    to_trio: Callable[..., None]

    async def carry(self, make: Make[T]) -> T:
        """Run the coroutine that `make` makes (on the other side) and return its value."""
        await trio.lowlevel.checkpoint_if_cancelled()
        crossing = _Crossing(self, make, trio.lowlevel.current_task())
        self.to_loop(crossing.begin)
        return cast("T", await trio.lowlevel.wait_task_rescheduled(crossing.abort))


class _Crossing(Generic[T]):
    __slots__ = ("_carrier", "_make", "_raise_cancel", "_task", "_trio_task")

    def __init__(self, carrier: Carrier, make: Make[T], trio_task: trio.lowlevel.Task) -> None:
        self._carrier = carrier
        self._make = make
        self._trio_task = trio_task
        self._task: asyncio.Task[T] | None = None
        self._raise_cancel: Callable[[], NoReturn] | None = None

    def begin(self) -> None:
        self._task = self._carrier.spawn(self._make())
        self._task.add_done_callback(self._settled)

    def abort(self, raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
        self._raise_cancel = raise_cancel
        self._carrier.to_loop(self._cancel)
        return trio.lowlevel.Abort.FAILED

    def _cancel(self) -> None:
        if self._task is not None and self._task.cancel():
            self._task.get_loop().call_later(TIDY_SECONDS, self._cancel)

    def _settled(self, task: asyncio.Task[T]) -> None:
        self._carrier.to_trio(trio.lowlevel.reschedule, self._trio_task, self._outcome(task))

    def _outcome(self, task: asyncio.Task[T]) -> outcome.Outcome[T]:
        if task.cancelled():
            error: BaseException | None = StoreUnavailable("the database bridge is closing")
        else:
            error = task.exception()
        if error is None:
            return outcome.Value(task.result())
        # Lost while it was being cancelled: our caller asked for the end, and has it.
        if self._raise_cancel is not None and isinstance(error, StoreUnavailable):
            return outcome.capture(self._raise_cancel)
        return outcome.Error(error)
