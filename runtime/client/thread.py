"""An asyncio loop in a daemon thread of its own, for clients whose callers have none.

Rules: a caller that is interrupted cancels its coroutine, which then puts its connection in order.
A trio caller is woken only when its coroutine has settled, also when it is cancelled. After a fork
the child has no such thread; whoever owns this notices by `alive`.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
Step = Callable[[], Coroutine[Any, Any, T]]

STOP_SECONDS = 5.0  # how long the end of the thread may take: a name look-up may hang in it

logger = logging.getLogger("headrace")


class LoopThread:
    """A running loop. Stop it with `stop`."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop = _new_loop()
        self._loop.set_exception_handler(_log)
        self._thread = threading.Thread(target=self._serve, name="headrace-client", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the loop runs in this process."""
        return self._pid == os.getpid() and self._thread.is_alive()

    def call(self, step: Step[T]) -> T:
        """Run a coroutine in the loop and wait for it, from any other thread."""
        future = asyncio.run_coroutine_threadsafe(step(), self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # in case this thread was interrupted, as by Ctrl-C

    def begin(
        self, step: Step[T], settled: Callable[[asyncio.Task[T]], object]
    ) -> Callable[[], object]:
        """Begin a coroutine in the loop; `settled` is called there. Returns how to cancel it."""
        tasks: list[asyncio.Task[T]] = []

        def start() -> None:
            tasks.append(self._loop.create_task(step()))
            tasks[0].add_done_callback(settled)

        self._loop.call_soon_threadsafe(start)
        return lambda: self._loop.call_soon_threadsafe(lambda: tasks[0].cancel())

    def stop(self) -> None:
        """End the thread. What still runs in it is cancelled."""
        if self.alive:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(_end_all())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


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
