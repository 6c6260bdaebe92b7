"""The batch kinds of one child: from their seats, through the gathering, to the hand-over.

    Seat of each kind ─▶ Gatherer ─▶ hand over: one batch, in a row, that the child begins as one

Rules: each batch kind has a seat of its own, with the places of one batch, so that a batch may grow
though plain jobs are handed over one at a time. Its places are open while a batch would not wait
long for the child. What is gathered is the Worker's, and goes back when the child does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

import attrs
import trio

from actors.acker import Acker, Settled
from actors.core_share import CoreShare
from actors.gathering import Gatherer
from actors.seat import Seat
from runtime.job import ClaimedJob, KindInfo
from runtime.outcome import Cancelled, Failure

Hand = Callable[[Sequence[ClaimedJob]], Awaitable[bool]]


@attrs.define(eq=False)
class Batches:
    """See the module's docstring. Without seats there is nothing to do.

    Args: seats: by kind. hand: gives a batch to the child; False if that is gone. share: when it
    may be given one. on_change: called when more is gathered.
    """

    seats: Mapping[str, Seat]
    gatherer: Gatherer
    acker: Acker
    share: CoreShare
    hand: Hand
    on_change: Callable[[], None]
    _changed: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def run(self) -> None:
        """Gather and hand over until the child is gone."""
        async with trio.open_nursery() as nursery:
            for seat in self.seats.values():
                nursery.start_soon(self._take, seat)
            await self._hand_ripe()
            nursery.cancel_scope.cancel()

    async def _take(self, seat: Seat) -> None:
        while True:
            jobs = await seat.take()
            self.gatherer.add(jobs, trio.current_time())
            self._changed.set()
            self.on_change()

    async def _hand_ripe(self) -> None:
        while True:
            self._changed = trio.Event()
            await self.acker.wait_room()
            await self.share.wait_open()
            if jobs := self.gatherer.take_ripe(trio.current_time()):
                if not await self.hand(jobs):
                    return
            else:
                with trio.move_on_at(self.gatherer.next_at):
                    await self._changed.wait()

    def show_load(self, is_open: bool, busy: bool = False) -> None:
        """Tell the seats what is wanted. `busy`: the child has other things to do first."""
        for kind, seat in self.seats.items():
            if is_open:
                held = self.gatherer.held(kind)
                seat.busy = busy
                seat.set_load(held + self.gatherer.room(kind), held)
            else:
                seat.close()

    def take_all(self) -> list[ClaimedJob]:
        """Everything that the child has not."""
        unread = [job for seat in self.seats.values() for job in seat.take_unread()]
        return [*self.gatherer.take_all(), *unread]

    def cancel(self, job_id: UUID, why: str) -> bool:
        """Cancel a job that is being gathered. Returns whether it was."""
        job = self.gatherer.take(job_id)
        if job is not None:
            failure = Failure("JobCancelled", why or "cancelled before it began")
            self.acker.settle([Settled(job, Cancelled(failure))])
            self.on_change()
        return job is not None


def batches_of(
    seats: Mapping[str, Seat],
    kinds: Mapping[str, KindInfo],
    acker: Acker,
    share: CoreShare,
    hand: Hand,
    on_change: Callable[[], None],
) -> Batches:
    """The Batches of a child with these kinds."""
    return Batches(seats, Gatherer(kinds), acker, share, hand, on_change)
