"""One LISTEN connection for all who wait in a client: tells which awaited jobs have ended.

What it tells is a hint. It is opened when somebody first waits, and opened again with backoff when
it is lost; meanwhile, and when its peer has gone silently, the waiters' own looking stands behind
it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from uuid import UUID

from runtime.client.database import Connection, Database
from runtime.client.statements import channel
from runtime.errors import StoreUnavailable

# Seconds between attempts to connect: doubled from the first to the last.
FIRST_BACKOFF_SECONDS = 0.05
LAST_BACKOFF_SECONDS = 5.0

logger = logging.getLogger("headrace")


class FinishedListener:
    """Listens while `run` runs.

    Args: ended: called with a job's id; back: called when listening has begun (again), since what
    ended before was not heard.
    """

    def __init__(
        self, database: Database, ended: Callable[[UUID], None], back: Callable[[], None]
    ) -> None:
        self._database = database
        self._ended = ended
        self._back = back
        self.listening = False

    async def run(self) -> None:
        """Listen until cancelled."""
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                await self._listen()
                backoff = FIRST_BACKOFF_SECONDS
            except StoreUnavailable as error:
                logger.debug("not listening for ended jobs: %s", error)
            except Exception:
                logger.exception("cannot listen for ended jobs; looking for them")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    async def _listen(self) -> None:
        """Listen until the connection is lost."""
        connection = await self._database.connect()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            with self._database.translating():
                name = channel(self._database.namespace, "finished")
                await connection.add_listener(name, self._heard)
            self.listening = True
            self._back()
            await lost.wait()
        finally:
            self.listening = False
            connection.terminate()

    def _heard(self, _connection: Connection, _pid: int, _channel: str, payload: str) -> None:
        with contextlib.suppress(ValueError):  # not ours: anybody may notify
            self._ended(UUID(payload))
