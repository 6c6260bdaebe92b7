"""The Pruner: deletes final jobs that are older than their retention, a batch at a time."""

from __future__ import annotations

from collections.abc import Awaitable

import attrs

from actors import events
from actors.kit.life import Life
from actors.maintenance.term import HeldTerm, number_of
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
    """See the module's docstring. `term`: of the leader that it works for; None: of nobody."""

    store: Store
    retention: Retention
    observe: events.Observer = events.ignore
    term: HeldTerm | None = None

    async def run(self, life: Life) -> None:
        """Prune until asked to stop."""
        life.started()

        def ask() -> Awaitable[int]:
            return self.store.prune(self.retention, BATCH, number_of(self.term))

        rounds = Rounds(life, "pruner", ask, seconds=LOOK_SECONDS, jitter=0.1, observe=self.observe)
        async for jobs in rounds:
            if jobs:
                self.observe(events.Pruned(jobs))
            if jobs >= BATCH:
                rounds.again_within(PAUSE_SECONDS)
