"""What is notified in several namespaces, in one channel."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

import trio

from actors.store.protocol import Listening, Notification, Store
from actors.store.standby import Standby

# Notifications that wait to be taken; behind a full channel each connection coalesces its own.
_BUFFER = 256


class _Merged(Listening):
    """See Listening."""

    def __init__(self, notes: trio.MemoryReceiveChannel[Notification]) -> None:
        self._notes = notes

    def standby(self) -> Standby | None:
        """None: a claim that begins where a wakeup is heard would ask that namespace alone."""
        return None

    async def receive(self) -> Notification:
        """The next one."""
        return await self._notes.receive()

    async def aclose(self) -> None:
        """Receive no more."""
        await self._notes.aclose()


@contextlib.asynccontextmanager
async def listen(stores: Sequence[Store]) -> AsyncIterator[Listening]:
    """LISTEN in each namespace, from entry on, until exit.

    Not handed on: that a queue was paused, for it may be open in the other namespaces, and the
    claims know.
    """
    send, receive = trio.open_memory_channel[Notification](_BUFFER)
    async with contextlib.AsyncExitStack() as stack, trio.open_nursery() as nursery:
        for store in stores:
            heard = await stack.enter_async_context(store.listen())
            nursery.start_soon(_hand_on, heard, send)
        yield _Merged(receive)
        nursery.cancel_scope.cancel()


async def _hand_on(heard: Listening, send: trio.MemorySendChannel[Notification]) -> None:
    async for note in heard:
        if not (note.topic == "control" and note.payload.startswith("pause:")):
            await send.send(note)
