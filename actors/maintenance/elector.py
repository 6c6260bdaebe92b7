"""The Elector: asks for the leader's term, prolongs it, and says when it is over.

Rules: a term counts from before it was asked for, so ours ends before anyone else's begins. While
the database does not answer, a held term just runs out. A candidate looks again when the other's
term ends, so a leader that is gone is replaced within one term, and not a third later.
"""

from __future__ import annotations

import attrs
import trio

from actors import events
from actors.kit.life import Life
from actors.kit.ticker import every
from actors.lease import Lease, LeaseLost
from actors.maintenance.term import HeldTerm
from actors.store.protocol import Store, Term
from runtime.errors import StoreUnavailable

# How long resigning may take; a term that was not resigned runs out.
RESIGN_SECONDS = 2.0
# Look this long after another's term, so that the look does not come just before its end.
PAST_TERM_SECONDS = 0.05


@attrs.define
class Elector:
    """See the module's docstring. `term_seconds`: of a term; it is prolonged at a third of that."""

    store: Store
    lease: Lease
    term: HeldTerm
    term_seconds: float = 10.0
    observe: events.Observer = events.ignore
    _asking: bool = attrs.field(default=False, init=False)

    async def run(self, life: Life) -> None:
        """Stand for leader until asked to stop; then resign."""
        life.started()
        ticker = every(self.term_seconds / 3, jitter=0.1, life=life)
        try:
            async for _ in ticker:
                left = await self._stand(life)
                if left > 0:
                    ticker.tick_within(left + PAST_TERM_SECONDS)
        finally:
            held = self.term.held
            self._end("resigned" if life.stopping else "lost")
        if held or self._asking:
            await self._resign()

    async def _stand(self, life: Life) -> float:
        """Returns the seconds that are left of another's term; 0 if none is known of."""
        asked_at = trio.current_time()
        answer: Term | None = None
        self._asking = True  # until we know: a stop does not wait for the answer
        with life.stop_scope(), trio.move_on_after(self.term_seconds):
            try:
                answer = await self.store.elect(self.lease.node_id, self.term_seconds)
            except (StoreUnavailable, LeaseLost):
                answer = None
            self._asking = False
        if answer is not None and answer.held:
            self._begin(answer.number, asked_at + self.term_seconds)
        elif answer is not None or not self.term.current:
            self._end("lost")
        return 0.0 if answer is None or answer.held else answer.expires_seconds

    def _begin(self, number: int, until: float) -> None:
        if self.term.held and self.term.number != number:
            self._end("lost")
        if not self.term.held:
            self.observe(events.TermBegan(number))
        self.term.hold(number, until)

    def _end(self, reason: str) -> None:
        if self.term.held:
            self.observe(events.TermEnded(self.term.number, reason))
            self.term.end()

    async def _resign(self) -> None:
        with trio.move_on_after(RESIGN_SECONDS):
            try:
                await self.store.resign(self.lease.node_id)
            except (StoreUnavailable, LeaseLost) as error:
                self.observe(events.StoreLost("elector", str(error)))
