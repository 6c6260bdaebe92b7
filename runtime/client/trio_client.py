"""TrioClient: for trio. asyncpg runs in a thread of the client's own.

trio task: _call ── LoopThread.begin ──▶ asyncio task in the thread
           sleeps ◀── run_sync_soon(reschedule) ── its value or error
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import outcome
import trio

from runtime.app import App
from runtime.client.async_verbs import AsyncVerbs
from runtime.client.thread import LoopThread, Step, closing
from runtime.client.wiring import DEFAULT_POOL_SIZE, wire
from runtime.errors import StoreUnavailable

T = TypeVar("T")

# How long closing, or undoing a bulk, may keep a cancelled task, in seconds.
SHIELD_SECONDS = 5.0


class TrioClient(AsyncVerbs):
    """Enqueues jobs and waits for their results, under trio, with a pool of its own.

    Use it in an `async with` statement, or await `open` and `aclose`. It connects when it is first
    used. Its arguments are those of `Client`.
    """

    def __init__(
        self,
        app: App | None = None,
        url: str | None = None,
        *,
        namespace: str | None = None,
        pool_size: int = DEFAULT_POOL_SIZE,
        pooler: bool = False,
    ) -> None:
        super().__init__(wire(app, url, namespace, pool_size, pooler))
        self._thread: LoopThread | None = None

    async def open(self) -> None:
        """Start the thread and make the pool."""
        if self._core is None:
            core = self._wiring.core()
            self._thread = LoopThread(core.close)
            await self._call_shielded(core.open)
            self._core = core

    async def aclose(self) -> None:
        """Close all connections. Whoever still waits gets StoreUnavailable."""
        self._core = None
        if self._thread is not None:
            with trio.CancelScope(shield=True):  # bounded by STOP_SECONDS
                await trio.to_thread.run_sync(self._thread.stop)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _call(self, step: Step[T]) -> T:
        assert self._thread is not None
        return await _carry(self._thread, step)

    async def _call_shielded(self, step: Step[T]) -> T:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + SHIELD_SECONDS):
            return await self._call(step)
        raise StoreUnavailable(f"the database did not answer within {SHIELD_SECONDS:g} s")


async def _carry(thread: LoopThread, step: Step[T]) -> T:
    """Run a coroutine in the thread's loop; a cancelled caller waits until it has settled."""
    await trio.lowlevel.checkpoint_if_cancelled()
    caller, token = trio.lowlevel.current_task(), trio.lowlevel.current_trio_token()
    cancelled: list[Callable[[], NoReturn]] = []

    def settled(task: asyncio.Task[T]) -> None:
        with contextlib.suppress(trio.RunFinishedError):  # then nobody is left to be told
            token.run_sync_soon(lambda: trio.lowlevel.reschedule(caller, _end(task, cancelled)))

    cancel = thread.begin(step, settled)

    def abort(raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
        cancelled.append(raise_cancel)
        cancel()
        return trio.lowlevel.Abort.FAILED

    value: T = await trio.lowlevel.wait_task_rescheduled(abort)
    return value


def _end(task: asyncio.Task[T], cancelled: list[Callable[[], NoReturn]]) -> outcome.Outcome[Any]:
    if task.cancelled():
        if cancelled:
            return outcome.capture(cancelled[0])
        return outcome.Error(closing())
    error = task.exception()
    return outcome.Value(task.result()) if error is None else outcome.Error(error)
