"""The Rescuer: gives back the jobs of nodes whose lease ran out.

Rule: the database's clock decides whose lease has run out, never ours. It sleeps until the next
lease may end, as the database tells it, and looks every few seconds in any case.
"""

from __future__ import annotations

from collections.abc import Awaitable

import attrs

from actors import events
from actors.kit.life import Life
from actors.maintenance.term import HeldTerm, number_of
from actors.rounds import Rounds
from actors.store.protocol import Rescued, Store

# Jobs in one statement.
BATCH = 5_000
# The longest sleep: a node that left without releasing everything is noticed within this.
LOOK_SECONDS = 5.0
# Look this long after a lease's end, so that the look does not come just before it.
PAST_EXPIRY_SECONDS = 0.05


@attrs.define
class Rescuer:
    """See the module's docstring. `term`: of the leader that it works for; None: of nobody."""

    store: Store
    observe: events.Observer = events.ignore
    term: HeldTerm | None = None

    async def run(self, life: Life) -> None:
        """Rescue until asked to stop."""
        life.started()

        def ask() -> Awaitable[Rescued]:
            return self.store.rescue(BATCH, number_of(self.term))

        rounds = Rounds(life, "rescuer", ask, seconds=LOOK_SECONDS, observe=self.observe)
        async for rescued in rounds:
            if rescued.jobs:
                self.observe(events.Rescued(rescued.nodes, rescued.jobs, rescued.discarded))
            if rescued.jobs >= BATCH:
                rounds.again_within(0)
            elif rescued.next_expiry_seconds is not None:
                rounds.again_within(rescued.next_expiry_seconds + PAST_EXPIRY_SECONDS)
