"""Plain functions of an async workflow's steps: each is called in a thread, so that it does not
hold up the other workflows of its process.

Rules: a thread cannot be interrupted. Where a step's timeout, or what ends its run, comes first,
the function goes on to its end behind it, and what it comes to is nobody's. Threads are daemons:
none keeps a process from its end. So many at once at most, in one loop; others await their turn.
One that nobody waits for any more holds no place: a function that never ends keeps none waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from types import FunctionType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

# As many as wait for other machines at a time; more that compute would only share the cores.
MOST_THREADS = 64

logger = logging.getLogger("headrace")
_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def belongs_in_loop(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine: of an `async def` function, however it is wrapped."""
    if isinstance(function, FunctionType) and function.__code__.co_flags & inspect.CO_COROUTINE:
        return True  # mostly, and soon
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = getattr(function, "__call__", function)  # noqa: B004 - of an object's class
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        inspect.unwrap(function)
    )


async def in_thread(function: Callable[[], T]) -> T:
    """What it returns, called in a thread with this task's context. Raises: what it raises."""
    loop = asyncio.get_running_loop()
    gate = _gates.setdefault(loop, asyncio.Semaphore(MOST_THREADS))
    await gate.acquire()
    ended: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()
    context = copy_context()

    def work() -> None:
        try:
            outcome: tuple[T | None, BaseException | None] = (context.run(function), None)
        except BaseException as error:
            outcome = (None, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(_over, gate, ended, outcome)

    try:
        threading.Thread(target=work, name="headrace step", daemon=True).start()
    except BaseException:
        gate.release()
        raise
    try:
        value, error = await ended
    except asyncio.CancelledError:
        if ended.cancelled():
            gate.release()
            logger.warning("a step's function, which is no async def, goes on in its thread")
        raise
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


def _over(gate: asyncio.Semaphore, ended: asyncio.Future[Any], outcome: object) -> None:
    if not ended.done():
        gate.release()
        ended.set_result(outcome)
