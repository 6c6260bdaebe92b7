"""The Sweeper: finds workflows that could go on, and that nobody has looked at.

Whoever sends a signal, ends a child or suspends a workflow looks itself, or has a node look; this
is for the looks of nodes that died, and for notifications that nobody heard. It also cancels the
children that an ended workflow has left behind.
"""

from __future__ import annotations

from collections.abc import Awaitable

import attrs

from actors import events
from actors.kit.life import Life
from actors.maintenance.term import HeldTerm, number_of
from actors.rounds import Rounds
from actors.store.protocol import Store

# Workflows in one statement.
BATCH = 1_000
# Between looks; and where nodes do not listen, so that a signal is heard of by a look alone.
LOOK_SECONDS = 5.0
DEAF_LOOK_SECONDS = 1.0


@attrs.define
class Sweeper:
    """See the module's docstring.

    Args: listens: whether nodes hear of signals. term: of the leader that it works for.
    """

    store: Store
    observe: events.Observer = events.ignore
    term: HeldTerm | None = None
    listens: bool = True

    async def run(self, life: Life) -> None:
        """Sweep until asked to stop."""
        life.started()

        def ask() -> Awaitable[int]:
            return self.store.sweep_waits(BATCH, number_of(self.term))

        seconds = LOOK_SECONDS if self.listens else DEAF_LOOK_SECONDS
        rounds = Rounds(life, "sweeper", ask, seconds=seconds, jitter=0.1, observe=self.observe)
        async for woken in rounds:
            if woken:
                self.observe(events.Woken(woken))
            if woken >= BATCH:
                rounds.again_within(0)
