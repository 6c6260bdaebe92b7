"""The Surveyor: measures all queues for the metrics, so that one node asks and not each.

Rule: at the end of its term it reports nothing, so that two nodes never show the same gauge.
"""

from __future__ import annotations

import attrs

from actors import events
from actors.kit.life import Life
from actors.rounds import Rounds
from actors.store.protocol import QueueInfo, Store

# Between looks: what a scrape every 15 s would see anew.
LOOK_SECONDS = 15.0


@attrs.define
class Surveyor:
    """See the module's docstring."""

    store: Store
    observe: events.Observer = events.ignore

    async def run(self, life: Life) -> None:
        """Measure until asked to stop."""
        life.started()
        rounds = Rounds(
            life, "surveyor", self._look, seconds=LOOK_SECONDS, jitter=0.1, observe=self.observe
        )
        before: int | None = None
        try:
            async for queues, enqueued in rounds:
                self.observe(events.QueuesMeasured(tuple(queues)))
                if before is not None and enqueued > before:
                    self.observe(events.Enqueued(enqueued - before))
                before = enqueued
        finally:
            self.observe(events.QueuesMeasured(()))

    async def _look(self) -> tuple[list[QueueInfo], int]:
        return await self.store.queues(), await self.store.enqueued()
