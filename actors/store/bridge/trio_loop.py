"""trio-asyncio's loop, which runs among trio's own tasks, in trio's thread.

It is opened in a system task, not in the caller's: so no nursery stands around the caller's code,
which would wrap its errors in groups, and the loop lives as long as the caller's clean-up needs it.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import trio

from actors.store.bridge.crossing import Carrier
from actors.store.bridge.driver import open_trio_loop
from actors.store.bridge.thread import log_loop_error


@attrs.define(eq=False)
class _Held:
    """What the system task and the context manager share."""

    opened: trio.Event = attrs.field(factory=trio.Event)
    release: trio.Event = attrs.field(factory=trio.Event)
    closed: trio.Event = attrs.field(factory=trio.Event)
    carrier: Carrier | None = None
    error: Exception | None = None


@contextlib.asynccontextmanager
async def open_trio_asyncio_loop() -> AsyncIterator[Carrier]:
    """trio-asyncio's loop, and the way to it. Raises: ConfigError where it cannot be imported."""
    held = _Held()
    trio.lowlevel.spawn_system_task(_hold, held, name="headrace database loop")
    try:
        with trio.CancelScope(shield=True):
            await held.opened.wait()
        if held.carrier is None:
            raise held.error or RuntimeError("trio-asyncio did not open")
        yield held.carrier
    finally:
        held.release.set()
        with trio.CancelScope(shield=True):
            await held.closed.wait()


async def _hold(held: _Held) -> None:
    try:
        async with open_trio_loop() as loop:
            loop.set_exception_handler(log_loop_error)
            # What runs in the loop finds the loop in its context.
            context = contextvars.copy_context()
            held.carrier = Carrier(
                to_loop=_call,
                spawn=lambda coroutine: loop.create_task(coroutine, context=context.copy()),
                to_trio=_call,
            )
            held.opened.set()
            await held.release.wait()
    except Exception as error:  # a system task must not crash: its opener raises this instead
        held.error = error
    finally:
        held.opened.set()
        held.closed.set()


def _call(function: Callable[..., Any], *args: Any) -> None:
    function(*args)
