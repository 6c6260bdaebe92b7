"""The Reindexer: has bloated indexes built anew, one after the other, at quiet times.

Rules: the Store judges which index is bloated, whether it is a quiet time, and that nobody else
builds. An index that was rebuilt is left alone until the end of our term: if it still seems
bloated, the estimate is wrong.
"""

from __future__ import annotations

import attrs
import trio

from actors import events
from actors.kit.life import Life
from actors.maintenance.term import HeldTerm, number_of
from actors.rounds import Rounds
from actors.store.protocol import Store
from actors.store.upkeep import Rebuilt

# Between looks: an index takes days to become bloated, and a look some milliseconds.
LOOK_SECONDS = 600.0
# After a build, until the next one: others may want the disk.
PAUSE_SECONDS = 10.0


@attrs.define
class Reindexer:
    """See the module's docstring. `term`: of the leader that it works for; None: of nobody."""

    store: Store
    observe: events.Observer = events.ignore
    term: HeldTerm | None = None
    look_seconds: float = LOOK_SECONDS
    _done: list[str] = attrs.field(factory=list, init=False)

    async def run(self, life: Life) -> None:
        """Look until asked to stop; then a build that goes on is cut off."""
        life.started()
        self._done = []
        rounds = Rounds(
            life,
            "reindexer",
            self._reindex,
            seconds=self.look_seconds,
            jitter=0.1,
            observe=self.observe,
        )
        async for rebuilt in rounds:
            if rebuilt is not None:
                rounds.again_within(PAUSE_SECONDS)

    async def _reindex(self) -> Rebuilt | None:
        began = trio.current_time()
        rebuilt = await self.store.reindex(tuple(self._done), number_of(self.term))
        if rebuilt is not None:
            self._done.append(rebuilt.index)
            seconds = trio.current_time() - began
            sizes = rebuilt.bytes_before, rebuilt.bytes_after
            self.observe(events.Reindexed(rebuilt.index, *sizes, seconds))
        return rebuilt
