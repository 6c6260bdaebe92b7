"""The Pruner: deletes final jobs that are older than their retention, a batch at a time."""

from __future__ import annotations

from functools import partial

import attrs

from actors import events
from actors.kit.life import Life
from actors.rounds import Rounds
from actors.store.protocol import Retention, Store

# Rows in one statement: some 20 ms of work, so it never holds up anyone for long.
BATCH = 2_000
# Between looks when there is nothing more to delete.
LOOK_SECONDS = 30.0
# Between batches while there is: leaves most of the database to the jobs.
PAUSE_SECONDS = 0.05


@attrs.define
class Pruner:
    """See the module's docstring."""

    store: Store
    retention: Retention
    observe: events.Observer = events.ignore

    async def run(self, life: Life) -> None:
        """Prune until asked to stop."""
        life.started()
        ask = partial(self.store.prune, self.retention, BATCH)
        rounds = Rounds(life, "pruner", ask, seconds=LOOK_SECONDS, jitter=0.1, observe=self.observe)
        async for jobs in rounds:
            if jobs:
                self.observe(events.Pruned(jobs))
            if jobs >= BATCH:
                rounds.again_within(PAUSE_SECONDS)
