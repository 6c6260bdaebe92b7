"""Which free places are asked for, in which queues: the pure half of the Distributor.

Rules: a queue that had nothing for some kinds is dry for them until a wakeup or the poll, and is
not asked meanwhile. The places of a group of Workers are shared among its queues that are not dry,
by their weights; a queue is owed what did not divide, and gets it in a later claim, so none waits
for ever. A queue never gets more than its local limit; what it may not take goes to the others. Of
that limit each group that asks may take an even part, and first comes the one that asked longest
ago, so none takes all of it for itself. The sum is never more than the free places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from actors.store.protocol import Demand
from runtime.config.queues import ANY_QUEUE, QueueLimit

Kinds = tuple[str, ...]
Mark = tuple[str, Kinds]


class DemandBook:
    """Remembers which queues are dry, and shares free places out among the others.

    Args: queues: what this node serves; `*` stands for all that are found. held: how many jobs of a
    queue the node holds now.
    """

    def __init__(self, queues: Sequence[QueueLimit], held: Callable[[str], int]) -> None:
        self._held = held
        self._dry: set[Mark] = set()
        self._paused: set[str] = set()
        self._owed: dict[Mark, float] = {}  # places, of what did not divide
        self._charges = 0
        self._charged: dict[Kinds, int] = {}  # which charge was the last of each group of Workers
        self._queues: dict[str, QueueLimit] = {}
        self._any: QueueLimit | None = None
        self._left_out: frozenset[str] = frozenset()
        self.generation = 0  # grows with every wakeup, so that one during a claim is seen after it
        self.serve(queues)

    @property
    def served(self) -> list[QueueLimit]:
        """What is served now, with what was found."""
        return list(self._queues.values())

    @property
    def serves_any(self) -> bool:
        """Whether every queue that is found is served."""
        return self._any is not None

    def serve(self, queues: Sequence[QueueLimit]) -> None:
        """Serve these from now on, and no others. What was found is found again."""
        self._queues = {each.name: each for each in queues if each.name != ANY_QUEUE}
        self._any = next((each for each in queues if each.name == ANY_QUEUE), None)
        self.wake()

    def find(self, names: Iterable[str]) -> None:
        """There are queues of these names: with `*`, they are served, too."""
        for name in names:
            if self._any is not None and name not in self._queues and name not in self._left_out:
                self._queues[name] = QueueLimit(name, self._any.limit, self._any.weight)

    def leave_out(self, names: Iterable[str]) -> None:
        """These are not served though `*` is."""
        self._left_out = frozenset(names)

    def wake(self, queue: str = "") -> None:
        """There may be work in `queue` ("": in any)."""
        self.generation += 1
        if queue:
            self.find([queue])
        self.moisten(queue)

    def moisten(self, queue: str) -> None:
        """It is time to ask `queue` ("": any) again, though nobody told of work in it."""
        self._dry = {mark for mark in self._dry if queue not in ("", mark[0])}

    def pause(self, queue: str) -> None:
        """Ask nothing of `queue` ("*": of any known one) until it is resumed."""
        self._paused |= {name for name in self._queues if queue in ("*", name)}

    def resume(self, queue: str) -> None:
        """Undo pause."""
        self._paused -= {name for name in self._queues if queue in ("*", name)}
        self.wake("" if queue == "*" else queue)

    def standing(self, free: Mapping[Kinds, int], without: Collection[str] = ()) -> list[Demand]:
        """What to claim if a wakeup came now: of dry queues, too."""
        dry, self._dry = self._dry, set()
        try:
            return self.demand(free, without)
        finally:
            self._dry = dry

    def demand(self, free: Mapping[Kinds, int], without: Collection[str] = ()) -> list[Demand]:
        """What to claim for `free` places by the kinds that they serve; [] for nothing.

        Args: without: queues that are left out.

        Asking changes nothing: see `charge`.
        """
        left = {
            name: 0 if name in without else self._room(known)
            for name, known in self._queues.items()
        }
        asking = [kinds for kinds, places in free.items() if kinds and places > 0]
        asking.sort(key=lambda kinds: self._charged.get(kinds, 0))
        groups: list[Demand] = []
        for number, kinds in enumerate(asking):
            share = self._share(kinds, free[kinds], self._parted(left, asking[number:]))
            for group in share:
                room = left[group.queue]
                left[group.queue] = None if room is None else room - group.places
            groups += share
        return groups

    def _parted(
        self, left: Mapping[str, int | None], asking: Sequence[Kinds]
    ) -> dict[str, int | None]:
        """Of the room in each queue, the part of the first of these groups of Workers."""
        parts = dict(left)
        for name, room in left.items():
            if room is not None:
                groups = sum(self._asks(name, kinds, room) for kinds in asking)
                parts[name] = math.ceil(room / max(1, groups))
        return parts

    def charge(self, demand: Sequence[Demand]) -> None:
        """This demand is asked for: whoever got less than its part is owed the rest."""
        by_kinds: dict[Kinds, dict[str, int]] = {}
        for group in demand:
            by_kinds.setdefault(group.kinds, {})[group.queue] = group.places
        self._charges += 1
        for kinds, given in by_kinds.items():
            self._charged[kinds] = self._charges
            asked = [each for each in self._queues.values() if self._asks(each.name, kinds, None)]
            places, weights = sum(given.values()), sum(each.weight for each in asked)
            for each in asked:
                part = places * each.weight / weights - given.get(each.name, 0)
                owed = self._owed.get((each.name, kinds), 0.0) + part
                # No more than a place: what a queue could not take is no claim on later ones.
                self._owed[each.name, kinds] = max(-1.0, min(1.0, owed))

    def _room(self, known: QueueLimit) -> int | None:
        return None if known.limit is None else max(0, known.limit - self._held(known.name))

    def _share(self, kinds: Kinds, places: int, left: Mapping[str, int | None]) -> list[Demand]:
        asked = [q for q in self._queues.values() if self._asks(q.name, kinds, left[q.name])]
        shares: dict[str, int] = {}
        while asked and places > 0:
            parts = self._parts(asked, kinds, places)
            full = [(q, room) for q in asked if _is_under((room := left[q.name]), parts[q.name])]
            if not full:
                shares |= _whole(parts, places)
                break
            for queue, room in full:  # what these may not take is shared among the others
                shares[queue.name] = min(room or 0, places)
                places -= shares[queue.name]
                asked.remove(queue)
        return [Demand(name, kinds, share) for name, share in shares.items() if share > 0]

    def _parts(self, asked: Sequence[QueueLimit], kinds: Kinds, places: int) -> dict[str, float]:
        """What each is due, by weight and by what it is owed."""
        weights = sum(each.weight for each in asked)
        return {
            each.name: places * each.weight / weights + self._owed.get((each.name, kinds), 0.0)
            for each in asked
        }

    def _asks(self, queue: str, kinds: Kinds, room: int | None) -> bool:
        return room != 0 and queue not in self._paused and (queue, kinds) not in self._dry

    def mark_dry(self, demand: Sequence[Demand], got: Mapping[Mark, int], generation: int) -> None:
        """A claim for `demand`, begun at `generation`, returned `got`. What fell short is dry.

        Where a wakeup came during the claim, what it told of may not have been seen.
        """
        for group in demand:
            mark = (group.queue, group.kinds)
            if got.get(mark, 0) >= group.places:
                self._dry.discard(mark)  # it was dry, if the claim stood by
            elif generation == self.generation:
                self._dry.add(mark)
                self._owed.pop(mark, None)


def _is_under(room: int | None, part: float) -> bool:
    return room is not None and room < part


def _whole(parts: Mapping[str, float], places: int) -> dict[str, int]:
    """Whole numbers that add up to `places`: rounded down, the rest to the largest fractions."""
    shares = {name: max(0, int(part)) for name, part in parts.items()}
    by_rest = sorted(parts, key=lambda name: shares[name] - parts[name])
    while sum(shares.values()) > places:  # what is owed came on top
        some = [name for name, share in shares.items() if share > 0]
        shares[max(some, key=lambda name: shares[name] - parts[name])] -= 1
    for index in range(places - sum(shares.values())):
        shares[by_rest[index % len(by_rest)]] += 1
    return shares
