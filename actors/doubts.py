"""Doubts: runs whose handler has completed its job in a transaction of its own, and has ended.

    Tenure ── the run, and how it ended ──▶ Doubts ── has it committed? ──▶ Store.in_doubt
                                               ├─▶ it has: completed, whatever came after
                                               ├─▶ it will not: as the run ended, by the Acker
                                               └─▶ still open: asked again

Rules: only the database knows whether the transaction has committed, so how the handler ended, and
whether its child lived, decides nothing before that is known. Nobody else waits for it: an
outcome that waited for a row that a forgotten transaction holds would hold up all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import attrs
import msgspec
import trio

from actors import events
from actors.holdings import Holdings
from actors.retry import Retry
from actors.store.protocol import Store
from runtime.errors import StoreUnavailable
from runtime.lifecycle import Ack, JobState

if TYPE_CHECKING:
    from actors.acker import Settled

# Between two looks at a transaction that is still open, in seconds: a dead child's is over as soon
# as the server notices; one that was forgotten by a living child may stay for hours.
FIRST_PAUSE_SECONDS = 0.02
LAST_PAUSE_SECONDS = 1.0
# After this long, what is open is told of.
WARN_SECONDS = 10.0
MOST_AT_ONCE = 1000  # runs in one look
# How long a node that stops waits for a transaction to end whose child is dead.
END_SECONDS = 5.0


@attrs.define
class _Doubt:
    settled: Settled
    ended: events.RunEnded  # to be told when it is known
    since: float
    warned: bool = False


@attrs.define
class Doubts:
    """See the module's docstring. `settle` takes what was not committed."""

    store: Store
    holdings: Holdings
    settle: Callable[[Iterable[Settled]], None]
    observe: events.Observer = events.ignore
    _open: dict[tuple[UUID, int], _Doubt] = attrs.field(factory=dict, init=False)
    _arrived: trio.Event = attrs.field(factory=trio.Event, init=False)
    _settled: trio.Event = attrs.field(factory=trio.Event, init=False)
    _retry: Retry = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._retry = Retry("acker", self.observe)

    def add(self, settled: Settled, ended: events.RunEnded) -> None:
        """A run has ended whose completion is in doubt. It is ours from now on."""
        run = settled.job.id, settled.job.run_number
        self._open[run] = _Doubt(settled, ended, trio.current_time())
        self._arrived.set()

    async def run(self) -> None:
        """Find out, until cancelled. What is open then is left to the next incarnation."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            self._arrived = trio.Event()
            if not self._open:
                await self._arrived.wait()
            await self._look()
            with trio.move_on_after(pause):
                await self._arrived.wait()
            pause = min(2 * pause, LAST_PAUSE_SECONDS)
            if self._arrived.is_set():
                pause = FIRST_PAUSE_SECONDS

    async def end(self) -> bool:
        """When no more come: wait for those that are open, a little. Whether any was settled.

        Their children are dead, so the server is about to end their transactions. A run whose
        transaction is still open after that is left to the rescue.
        """
        if self._open:
            with trio.move_on_after(END_SECONDS):
                await self._settled.wait()
                return True
        return False

    async def _look(self) -> None:
        runs, began = list(self._open)[:MOST_AT_ONCE], trio.current_time()
        try:
            found = await self.store.in_doubt(runs)
        except StoreUnavailable as error:
            await self._retry.after(error)
            return
        self._retry.succeeded()
        known = {*found.completed, *found.held}
        self._committed(found.completed, trio.current_time() - began)
        self._uncommitted([run for run in runs if run not in known])
        self._warn(found.held)

    def _committed(self, runs: Sequence[tuple[UUID, int]], seconds: float) -> None:
        """It is as if we had written it."""
        self.holdings.drop(runs)
        self._tell(
            msgspec.structs.replace(self._open.pop(run).ended, outcome="completed", error="")
            for run in runs
        )
        if runs:
            acks = [Ack(*run, JobState.COMPLETED) for run in runs]
            self.observe(events.Acked(len(acks), len(acks), seconds, acks=acks))

    def _uncommitted(self, runs: Iterable[tuple[UUID, int]]) -> None:
        doubts = [self._open.pop(run) for run in runs]
        self.settle([doubt.settled for doubt in doubts])
        self._tell(doubt.ended for doubt in doubts)

    def _tell(self, ended: Iterable[events.RunEnded]) -> None:
        told = list(ended)
        if told:
            self.observe(events.RunsEnded(told))
            self._settled.set()
            self._settled = trio.Event()

    def _warn(self, runs: Iterable[tuple[UUID, int]]) -> None:
        now = trio.current_time()
        for run in runs:
            doubt = self._open[run]
            if not doubt.warned and now - doubt.since >= WARN_SECONDS:
                doubt.warned = True
                self.observe(events.RunInDoubt(run[0], doubt.ended.kind, now - doubt.since))
