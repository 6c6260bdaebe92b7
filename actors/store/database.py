"""Database: the bridge as an actor. It holds the pool open for as long as it runs.

Rule: whoever asks while it is not running, as between two incarnations, is told StoreUnavailable,
as if the database were away; they all know how to wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import attrs
import trio

from actors.kit.life import Life
from actors.store.bridge import Bridge, BridgeKind, Note
from actors.store.bridge.port import PING_SECONDS, UNIT_TIMEOUT_SECONDS, T, Unit
from actors.store.standby import Standby
from runtime.errors import StoreUnavailable


@attrs.define
class Database:
    """A Bridge that opens itself: `open_` gives a fresh one for each incarnation."""

    open_: Callable[[], AbstractAsyncContextManager[Bridge]]
    _bridge: Bridge | None = attrs.field(default=None, init=False)

    async def hold_open(self, life: Life) -> None:
        """The actor: open the bridge, and keep it until asked to stop."""
        async with self.open_() as self._bridge:
            life.started()
            try:
                await life.wait_stopping()
            finally:
                self._bridge = None

    @property
    def kind(self) -> BridgeKind:
        return self._open().kind

    @property
    def pooler(self) -> bool:
        return self._open().pooler

    async def run(self, unit: Unit[T], *, timeout_seconds: float = UNIT_TIMEOUT_SECONDS) -> T:
        return await self._open().run(unit, timeout_seconds=timeout_seconds)

    async def run_at(
        self, standby: Standby, unit: Unit[T], *, timeout_seconds: float = UNIT_TIMEOUT_SECONDS
    ) -> T | None:
        return await self._open().run_at(standby, unit, timeout_seconds=timeout_seconds)

    def listen(
        self, channels: Sequence[str], *, ping_seconds: float = PING_SECONDS
    ) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[Note]]:
        return self._open().listen(channels, ping_seconds=ping_seconds)

    def _open(self) -> Bridge:
        if self._bridge is None:
            raise StoreUnavailable("the connection pool is not open")
        return self._bridge
