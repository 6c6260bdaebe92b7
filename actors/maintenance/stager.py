"""The Stager: makes scheduled and retryable jobs available the moment they are due.

Rules: it sleeps until the next due time, as the database tells it, so no job waits for a tick. What
is enqueued or retried meanwhile, and is due sooner than the next look, wakes it by a notification.
"""

from __future__ import annotations

from collections.abc import Awaitable

import attrs

from actors import events
from actors.kit.life import Life
from actors.maintenance.term import HeldTerm, number_of
from actors.rounds import Rounds
from actors.store.protocol import Staged, Store

# Jobs in one statement: 5,000 are made available in some 50 ms here.
BATCH = 5_000
# The longest sleep. Jobs due later than this are found by the next look, so only sooner ones send a
# notification (within 10 s: twice this, for the jitter and a slow look).
LOOK_SECONDS = 5.0
# Sleep a little past the due time: at the due time itself the database's now() may be just before.
PAST_DUE_SECONDS = 0.001


@attrs.define
class Stager:
    """See the module's docstring. `term`: of the leader that it works for; None: of nobody."""

    store: Store
    observe: events.Observer = events.ignore
    term: HeldTerm | None = None
    _rounds: Rounds[Staged] | None = attrs.field(default=None, init=False)

    def due_soon(self) -> None:
        """A job will be due within seconds: look again."""
        if self._rounds is not None:
            self._rounds.wake()

    async def run(self, life: Life) -> None:
        """Stage until asked to stop."""
        life.started()

        def ask() -> Awaitable[Staged]:
            return self.store.stage(BATCH, number_of(self.term))

        rounds = Rounds(life, "stager", ask, seconds=LOOK_SECONDS, observe=self.observe)
        self._rounds = rounds
        async for staged in rounds:
            if staged.jobs:
                self.observe(events.Staged(staged.jobs))
            if staged.jobs >= BATCH:
                rounds.again_within(0)
            elif staged.next_due_seconds is not None:
                rounds.again_within(staged.next_due_seconds + PAST_DUE_SECONDS)
