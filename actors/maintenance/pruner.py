"""The Pruner: deletes final jobs, and events, older than their retention, a batch at a time.

Rule: a queue that keeps its jobs for a time of its own is swept by itself, from where the last one
came to, so that nobody looks again and again at what others keep for longer.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from actors import events
from actors.kit.life import Life
from actors.maintenance.term import HeldTerm, number_of
from actors.rounds import Rounds
from actors.store.protocol import Retention, Store
from actors.store.upkeep import QueueRetention
from runtime.lifecycle import JobState

# Rows in one statement: some 20 ms of work, so it never holds up anyone for long.
BATCH = 2_000
# Rows that one sweep of a queue looks at: they may be of other queues.
SWEEP_BATCH = 5_000
# Between looks when there is nothing more to delete.
LOOK_SECONDS = 30.0
# Between batches while there is: leaves most of the database to the jobs.
PAUSE_SECONDS = 0.05
# The next sweep begins so long before the end of the last one: an end is written before it is
# committed, and seen only then.
COMMIT = timedelta(seconds=60)


@attrs.define
class Pruner:
    """See the module's docstring. `term`: of the leader that it works for; None: of nobody."""

    store: Store
    retention: Retention
    observe: events.Observer = events.ignore
    term: HeldTerm | None = None
    _swept_to: dict[tuple[str, JobState], datetime] = attrs.field(factory=dict, init=False)

    async def run(self, life: Life) -> None:
        """Prune until asked to stop."""
        life.started()
        self._swept_to = {}
        rounds = Rounds(
            life, "pruner", self._round, seconds=LOOK_SECONDS, jitter=0.1, observe=self.observe
        )
        async for pruned, more in rounds:
            if pruned.jobs or pruned.events:
                self.observe(pruned)
            if more:
                rounds.again_within(PAUSE_SECONDS)

    async def _round(self) -> tuple[events.Pruned, bool]:
        """What was deleted, and whether there may be more."""
        jobs, more = await self._prune()
        happenings = await self._prune_events()
        return events.Pruned(jobs, happenings), more or happenings >= BATCH

    async def _prune(self) -> tuple[int, bool]:
        """How many jobs were deleted, and whether there may be more."""
        jobs = await self.store.prune(self.retention, BATCH, number_of(self.term))
        more = jobs >= BATCH
        for kept in await self.store.queue_retentions():
            swept, unfinished = await self._sweep(kept)
            jobs, more = jobs + swept, more or unfinished
        return jobs, more

    async def _prune_events(self) -> int:
        seconds = self.retention.of_events
        if seconds is None:
            return 0
        return await self.store.prune_events(seconds, BATCH, number_of(self.term))

    async def _sweep(self, kept: QueueRetention) -> tuple[int, bool]:
        key = kept.queue, kept.state
        after = self._swept_to.get(key)
        swept = await self.store.prune_queue(kept, after, SWEEP_BATCH, number_of(self.term))
        unfinished = swept.seen >= SWEEP_BATCH
        if swept.reached_at is not None:
            self._swept_to[key] = swept.reached_at - (timedelta() if unfinished else COMMIT)
        return swept.jobs, unfinished
