"""The Expirer: discards jobs that wait and whose deadline has passed; workflows that clean up are
told first.

Such a job is never begun, whatever the Expirer does: a node that claims it discards it. This is for
those that nobody claims, so that they come to their end, and to whoever waits for that.
"""

from __future__ import annotations

from collections.abc import Awaitable

import attrs

from actors import events
from actors.kit.life import Life
from actors.maintenance.term import HeldTerm, number_of
from actors.rounds import Rounds
from actors.store.protocol import Store

# Jobs in one statement.
BATCH = 2_000
# Between looks: an idle node asks little, and nothing begins meanwhile that should not; whoever
# waits for a job with a deadline hears of it within 5 s.
LOOK_SECONDS = 4.0


@attrs.define
class Expirer:
    """See the module's docstring. `term`: of the leader that it works for; None: of nobody."""

    store: Store
    observe: events.Observer = events.ignore
    term: HeldTerm | None = None

    async def run(self, life: Life) -> None:
        """Expire until asked to stop."""
        life.started()

        def ask() -> Awaitable[int]:
            return self.store.expire(BATCH, number_of(self.term))

        rounds = Rounds(
            life, "expirer", ask, seconds=LOOK_SECONDS, jitter=0.1, observe=self.observe
        )
        async for jobs in rounds:
            if jobs:
                self.observe(events.Expired(jobs))
            if jobs >= BATCH:
                rounds.again_within(0)
