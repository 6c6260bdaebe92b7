"""Where units wait, on the far side of the bridge, for the note at which they begin.

asyncio only, but for `Standby.withdraw`, which may come from another thread: its flag is read here
before a note is taken, and what it calls comes over into the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import attrs

from actors.store.standby import Standby

T = TypeVar("T")


@attrs.define(eq=False)
class Perch:
    """The standbys of one bridge. `to_loop`: calls a function in the loop, from any thread."""

    to_loop: Callable[[Callable[[], None]], object]
    _waiting: dict[Standby, asyncio.Future[bool]] = attrs.field(factory=dict)

    async def run_at(self, standby: Standby, make: Callable[[], Awaitable[T]]) -> T | None:
        """Wait for a note of its channel, then run what `make` makes. None if it was withdrawn."""
        if not await self._wait(standby):
            return None
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            return await make()
        finally:
            standby.seconds = clock() - began

    async def _wait(self, standby: Standby) -> bool:
        woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        standby.on_withdraw = partial(self.to_loop, partial(self._give_up, standby))
        if standby.withdrawn:
            return False
        self._waiting[standby] = woken
        try:
            return await woken
        finally:
            self._waiting.pop(standby, None)

    def _give_up(self, standby: Standby) -> None:
        woken = self._waiting.pop(standby, None)
        if woken is not None and not woken.done():
            woken.set_result(False)

    def take(self, channel: str, payload: str, ear: object) -> bool:
        """Whether a standby begins at this note, which then is nobody else's of this ear."""
        for standby, woken in self._waiting.items():
            if standby.takes(channel, ear) and not woken.done():
                standby.woken_by = payload
                woken.set_result(True)
                return True
        return False
