"""The Leader: runs its children during a term, and only then.

Rule: they are stopped before the term is over for anybody else, since the term is counted from
before it was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import trio

from actors.kit.life import Life
from actors.kit.spec import ChildSpec
from actors.kit.supervisor import Supervisor, run_supervised
from actors.maintenance.term import HeldTerm


@attrs.define
class Leader:
    """See the module's docstring. `duties`: child specs of what a leader does."""

    term: HeldTerm
    duties: Sequence[ChildSpec] = ()

    async def run(self, life: Life) -> None:
        """Wait for a term, do the duties until it is over, and again."""
        life.started()
        while not life.stopping:
            with life.stop_scope():
                await self.term.wait_begun()
            if not life.stopping:
                await self._reign(life)

    async def _reign(self, life: Life) -> None:
        over = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._set_when_over, over, life)
            await run_supervised(Supervisor("duties", self.duties).spec(), stop=over)
            nursery.cancel_scope.cancel()

    async def _set_when_over(self, over: trio.Event, life: Life) -> None:
        with life.stop_scope():
            await self.term.wait_over()
        over.set()
