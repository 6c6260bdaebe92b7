"""One asyncio loop in one thread of its own: uvloop's where it is installed.

Owns the thread from entry to exit. The thread is a daemon: a program that is killed while it waits
for a dead database must not hang for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import trio

from actors.store.bridge.crossing import Carrier

log = logging.getLogger(__name__)

# How long the thread may take to end, in seconds: a name look-up that hangs would keep it.
JOIN_SECONDS = 5.0


@contextlib.asynccontextmanager
async def open_thread_loop() -> AsyncIterator[Carrier]:
    """A loop in a thread, and the way to it."""
    loop = new_loop()
    loop.set_exception_handler(log_loop_error)
    thread = threading.Thread(target=_serve, args=(loop,), name="headrace-database", daemon=True)
    thread.start()
    token = trio.lowlevel.current_trio_token()
    try:
        yield Carrier(
            to_loop=loop.call_soon_threadsafe,
            spawn=loop.create_task,
            to_trio=token.run_sync_soon,
        )
    finally:
        loop.call_soon_threadsafe(loop.stop)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(thread.join, JOIN_SECONDS)
        if thread.is_alive():
            log.error("the database thread has not ended after %g s", JOIN_SECONDS)


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's if it can be had, else asyncio's."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.SelectorEventLoop()  # by its class: trio-asyncio replaces new_event_loop
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def log_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: a cancelled connect leaves futures that nobody awaits."""
    log.debug("asyncio: %s", context.get("message"), exc_info=context.get("exception"))


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
