"""Keeps one connection listening: opens it, pings it when it is silent, opens it again when lost.

    connect, LISTEN ──▶ watch ──(closed, or a ping unanswered)──▶ say "down" ── backoff ──▶ connect
                          └─ notification ──▶ put

asyncio side; `put` and `set_down` are called in the loop and carry over to trio by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence

import attrs

from actors.store.bridge.driver import RawConnection, connect
from actors.store.bridge.port import Settings
from actors.store.errors import DatabaseError
from runtime import sql
from runtime.backoff import exponential
from runtime.errors import ConfigError, StoreUnavailable

log = logging.getLogger(__name__)

# From one try to connect to the next: 0.05 s doubling to 5 s, spread by half either way, so that
# the nodes of a restarted database do not come back all at once.
RECONNECT = exponential(base_seconds=0.05, factor=2.0, max_seconds=5.0, jitter=0.5)
# How long LISTEN may take after connecting, in seconds.
LISTEN_SECONDS = 10.0


@attrs.define(eq=False)
class Listener:
    """LISTENs on `channels` from `start` until `stop`.

    Attributes: put(channel, payload); set_down(whether it is down); ping_seconds, the silence after
    which the server is pinged, and the time it has for its answer.
    """

    settings: Settings
    channels: Sequence[str]
    put: Callable[[str, str], None]
    set_down: Callable[[bool], None]
    ping_seconds: float
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _heard_at: float = attrs.field(default=0.0, init=False)

    async def start(self) -> None:
        """Return when listening, or after the first try.

        Raises: DatabaseError, refused; ConfigError, the URL.
        """
        connection: RawConnection | None = None
        try:
            connection = await self._open()
        except StoreUnavailable as error:
            log.warning("not listening yet: %s", error)
            self.set_down(True)
        self._task = asyncio.create_task(self._keep(connection))

    async def stop(self) -> None:
        """Return when the connection is closed."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self, connection: RawConnection | None) -> None:
        while True:
            if connection is None:
                connection = await self._reopen()
                self.set_down(False)
            try:
                await self._watch(connection)
            finally:
                connection.terminate()
            self.set_down(True)
            connection = None

    async def _reopen(self) -> RawConnection:
        attempt = 0
        while True:
            attempt += 1
            await asyncio.sleep(RECONNECT.delay_seconds(attempt, random.uniform(-1.0, 1.0)))
            try:
                return await self._open()
            except (StoreUnavailable, DatabaseError, ConfigError) as error:
                log.warning("not listening, attempt %d: %s", attempt, error)

    async def _open(self) -> RawConnection:
        connection = await connect(self.settings)
        try:
            async with asyncio.timeout(LISTEN_SECONDS):
                for channel in self.channels:
                    await connection.add_listener(channel, self._on_notification)
        except BaseException as error:
            connection.terminate()
            if isinstance(error, OSError):  # TimeoutError is one
                raise StoreUnavailable("LISTEN was not answered") from error
            raise
        self._heard_at = asyncio.get_running_loop().time()
        return connection

    def _on_notification(self, _connection: object, _pid: int, channel: str, payload: str) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self.put(channel, payload)

    async def _watch(self, connection: RawConnection) -> None:
        """Return when the connection is lost."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        loop = asyncio.get_running_loop()
        while not (lost.is_set() or connection.is_closed()):
            silence = loop.time() - self._heard_at
            if silence >= self.ping_seconds:
                if not await self._ping(connection):
                    return
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.ping_seconds - silence):
                    await lost.wait()
        log.warning("listening connection lost")

    async def _ping(self, connection: RawConnection) -> bool:
        try:
            async with asyncio.timeout(self.ping_seconds):
                await connection.execute(sql.load("ping"))
        except Exception as error:
            log.warning("listening connection did not answer a ping: %r", error)
            return False
        self._heard_at = asyncio.get_running_loop().time()
        return True
