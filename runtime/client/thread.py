"""An asyncio loop in a daemon thread of its own, for clients whose callers have none.

Rules: a caller that is interrupted cancels its coroutine, which then puts its connection in order.
A trio caller is woken only when its coroutine has settled, also when it is cancelled. What is begun
too late, or still runs at the end, gets StoreUnavailable: nobody waits for a loop that is gone.
After a fork the child has no such thread; whoever owns this notices by `alive`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import logging
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from runtime.errors import StoreUnavailable

T = TypeVar("T")
Step = Callable[[], Coroutine[Any, Any, T]]

STOP_SECONDS = 5.0  # how long the end of the thread may take: a name look-up may hang in it

logger = logging.getLogger("headrace")


class LoopThread:
    """A running loop. Stop it with `stop`; it also ends with its owner and with the interpreter.

    Args: last: made and run in the loop when it ends.
    """

    def __init__(self, last: Step[None]) -> None:
        self._loop = _Loop(last)
        self._end = weakref.finalize(self, self._loop.end)

    @property
    def alive(self) -> bool:
        """Whether the loop runs in this process."""
        return self._loop.alive

    def call(self, step: Step[T]) -> T:
        """Run a coroutine in the loop and wait for it, from any other thread."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        cancel = self.begin(step, lambda task: _hand_on(task, future))
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise closing() from None
        except BaseException:
            cancel()  # in case this thread was interrupted, as by Ctrl-C
            raise

    def begin(
        self, step: Step[T], settled: Callable[[asyncio.Task[T]], object]
    ) -> Callable[[], object]:
        """Begin a coroutine in the loop; `settled` is called there. Returns how to cancel it."""
        tasks: list[asyncio.Task[T]] = []

        def start() -> None:
            tasks.append(asyncio.get_running_loop().create_task(step()))
            tasks[0].add_done_callback(settled)

        self._loop.soon(start)
        return lambda: self._loop.soon_if_open(lambda: tasks[0].cancel())

    def stop(self) -> None:
        """End the thread. What still runs in it is cancelled."""
        self._end()


def closing() -> StoreUnavailable:
    """The error of whoever comes too late."""
    return StoreUnavailable("the client is closing")


class _Loop:
    """What the thread itself keeps alive; it knows nothing of its owner, which may be forgotten."""

    def __init__(self, last: Step[None]) -> None:
        self._last = last
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._open = True
        self._loop = _new_loop()
        self._loop.set_exception_handler(_log)
        self._thread = threading.Thread(target=self._serve, name="headrace-client", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._open and self._pid == os.getpid() and self._thread.is_alive()

    def soon(self, action: Callable[[], object]) -> None:
        """Do something in the loop. Raises: StoreUnavailable, after its end has begun."""
        if not self.soon_if_open(action):
            raise closing()

    def soon_if_open(self, action: Callable[[], object]) -> bool:
        """Do something in the loop, unless its end has begun: then what runs in it is cancelled."""
        with self._lock:
            if self._open:
                self._loop.call_soon_threadsafe(action)
            return self._open

    def end(self) -> None:
        """End the thread and wait for it."""
        if not self.alive:
            return
        with self._lock:
            self._open = False
            self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not threading.current_thread():
            self._thread.join(STOP_SECONDS)

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._last())
            self._loop.run_until_complete(_end_all())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # transports that were told to close do so in the next round


def _hand_on(task: asyncio.Task[T], future: concurrent.futures.Future[T]) -> None:
    if task.cancelled():
        future.cancel()
        return
    error = task.exception()
    if error is None:
        future.set_result(task.result())
    else:
        future.set_exception(error)


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, with which asyncpg is twice as fast, where it can be had."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _log(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """asyncpg leaves failed futures behind when connecting is cancelled; nobody waits for them."""
    logger.debug("asyncio: %s", context.get("message"), exc_info=context.get("exception"))
