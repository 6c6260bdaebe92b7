"""The Surveyor: measures a namespace for the metrics, so that one node asks and not each.

Rules: at the end of its term it reports nothing, so that two nodes never show the same gauge. No
row is counted: the numbers come at a cost that does not grow with the table.
"""

from __future__ import annotations

import attrs

from actors import events
from actors.kit.life import Life
from actors.rounds import Rounds
from actors.store.protocol import QueueInfo, Store
from runtime.lifecycle import JobState

# Between looks: what a scrape every 15 s would see anew.
LOOK_SECONDS = 15.0

_Look = tuple[list[QueueInfo], dict[tuple[str, JobState], int], int]


@attrs.define
class Surveyor:
    """See the module's docstring. `namespace`: the name under which it reports."""

    store: Store
    observe: events.Observer = events.ignore
    namespace: str = "headrace"

    async def run(self, life: Life) -> None:
        """Measure until asked to stop."""
        life.started()
        rounds = Rounds(
            life, "surveyor", self._look, seconds=LOOK_SECONDS, jitter=0.1, observe=self.observe
        )
        before: int | None = None
        try:
            async for queues, jobs, enqueued in rounds:
                self.observe(events.QueuesMeasured(tuple(queues)))
                self.observe(events.JobsCounted(self.namespace, jobs))
                if before is not None and enqueued > before:
                    self.observe(events.Enqueued(enqueued - before))
                before = enqueued
        finally:
            self.observe(events.QueuesMeasured(()))
            self.observe(events.JobsCounted(self.namespace, {}))

    async def _look(self) -> _Look:
        store = self.store
        return await store.queues(), await store.counts_by_queue(), await store.enqueued()
