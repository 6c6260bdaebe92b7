"""Keeps the embedded PostgreSQL there for a node: whoever loses it has it started again.

Rule: its guardian restarts a crashed server by itself; this is for a guardian that was killed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from actors import events
from runtime.embedded.errors import EmbeddedPostgresError

if TYPE_CHECKING:
    from runtime.embedded import Server

logger = logging.getLogger("headrace")

# Between two tries to start it; a start takes 0.05 s to 0.9 s.
RETRY_SECONDS = 1.0


class Keeper:
    """Told by events that the database is lost, it sees that the server runs."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lost = trio.Event()

    def observe(self, event: events.Event) -> None:
        """Hear of a loss."""
        if isinstance(event, events.StoreLost):
            self._lost.set()

    async def run(self) -> None:
        """See to it, until cancelled."""
        while True:
            await self._lost.wait()
            self._lost = trio.Event()
            try:
                await trio.to_thread.run_sync(self._server.ensure, abandon_on_cancel=True)
            except EmbeddedPostgresError as error:
                logger.error("cannot start the embedded PostgreSQL: %s", error)
                self._lost.set()
            await trio.sleep(RETRY_SECONDS)
