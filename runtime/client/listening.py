"""A LISTEN connection of a client: tells what is notified on some topics.

What it tells is a hint. It is opened again with backoff when it is lost; meanwhile, and when its
peer has gone silently, whoever uses it stands on a look of his own, or has missed something.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from runtime.client.database import Connection, Database
from runtime.client.statements import channel
from runtime.errors import StoreUnavailable

# Seconds between attempts to connect: doubled from the first to the last.
FIRST_BACKOFF_SECONDS = 0.05
LAST_BACKOFF_SECONDS = 5.0

logger = logging.getLogger("headrace")


class Listener:
    """Listens while `run` runs.

    Args: heard: by topic, called with each payload; back: called when listening has begun (again),
    since what was notified before was not heard.
    """

    def __init__(
        self,
        database: Database,
        heard: Mapping[str, Callable[[str], None]],
        back: Callable[[], None],
    ) -> None:
        self._database = database
        self._heard = {channel(database.namespace, topic): hear for topic, hear in heard.items()}
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
                logger.debug("not listening: %s", error)
            except Exception:
                logger.exception("cannot listen")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    async def _listen(self) -> None:
        """Listen until the connection is lost."""
        connection = await self._database.connect()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            with self._database.translating():
                for name in self._heard:
                    await connection.add_listener(name, self._hear)
            self.listening = True
            self._back()
            await lost.wait()
        finally:
            self.listening = False
            connection.terminate()

    def _hear(self, _connection: Connection, _pid: int, name: str, payload: str) -> None:
        self._heard[name](payload)
