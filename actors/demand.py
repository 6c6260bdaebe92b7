"""Which free places are asked for, in which queues: the pure half of the Distributor.

Rules: a queue that had nothing for some kinds is dry for them until a wakeup or the poll, and is
not asked meanwhile. The places of a group of Workers are shared evenly among its queues that are
not dry; what does not divide goes round. A queue never gets more than its local limit. The sum is
never more than the free places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from actors.store.protocol import Demand
from runtime.config.queues import QueueLimit

Kinds = tuple[str, ...]


class DemandBook:
    """Remembers which queues are dry, and shares free places out among the others.

    Args: queues: what this node serves. held: how many jobs of a queue the node holds now.
    """

    def __init__(self, queues: Sequence[QueueLimit], held: Callable[[str], int]) -> None:
        self._queues = tuple(queues)
        self._held = held
        self._dry: set[tuple[str, Kinds]] = set()
        self._paused: set[str] = set()
        self._turn = 0
        self.generation = 0  # grows with every wakeup, so that one during a claim is seen after it

    def wake(self, queue: str = "") -> None:
        """There may be work in `queue` ("": in any)."""
        self.generation += 1
        self._dry = {mark for mark in self._dry if queue not in ("", mark[0])}

    def pause(self, queue: str) -> None:
        """Ask nothing of `queue` ("*": of any known one) until it is resumed."""
        self._paused |= {known.name for known in self._queues if queue in ("*", known.name)}

    def resume(self, queue: str) -> None:
        """Undo pause."""
        self._paused -= {known.name for known in self._queues if queue in ("*", known.name)}
        self.wake("" if queue == "*" else queue)

    def standing(self, free: Mapping[Kinds, int]) -> list[Demand]:
        """What to claim if a wakeup came now: of dry queues, too."""
        dry, self._dry = self._dry, set()
        try:
            return self.demand(free)
        finally:
            self._dry = dry

    def demand(self, free: Mapping[Kinds, int]) -> list[Demand]:
        """What to claim for `free` places by the kinds that they serve; [] for nothing."""
        self._turn += 1
        left = {known.name: self._room(known) for known in self._queues}
        groups: list[Demand] = []
        for kinds, places in free.items():
            if kinds and places > 0:
                groups += self._share(kinds, places, left)
        return groups

    def _room(self, known: QueueLimit) -> int | None:
        return None if known.limit is None else max(0, known.limit - self._held(known.name))

    def _share(self, kinds: Kinds, places: int, left: dict[str, int | None]) -> list[Demand]:
        asked = [q.name for q in self._queues if self._asks(q.name, kinds, left[q.name])]
        if not asked:
            return []
        start = self._turn % len(asked)
        demand: list[Demand] = []
        for index, queue in enumerate(asked[start:] + asked[:start]):
            share = -(-places // (len(asked) - index))  # the first ones get what does not divide
            room = left[queue]
            share = share if room is None else min(share, room)
            if room is not None:
                left[queue] = room - share
            if share > 0:
                demand.append(Demand(queue, kinds, share))
                places -= share
        return demand

    def _asks(self, queue: str, kinds: Kinds, room: int | None) -> bool:
        return room != 0 and queue not in self._paused and (queue, kinds) not in self._dry

    def mark_dry(
        self, demand: Sequence[Demand], got: Mapping[tuple[str, Kinds], int], generation: int
    ) -> None:
        """A claim for `demand`, begun at `generation`, returned `got`. What fell short is dry.

        Where a wakeup came during the claim, what it told of may not have been seen.
        """
        for group in demand:
            mark = (group.queue, group.kinds)
            if got.get(mark, 0) >= group.places:
                self._dry.discard(mark)  # it was dry, if the claim stood by
            elif generation == self.generation:
                self._dry.add(mark)
