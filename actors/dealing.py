"""Dealing claimed jobs out to the seats of Workers: each to the one that has most room for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

from actors.demand import Kinds
from actors.seat import Seat
from runtime.job import ClaimedJob

Room = Callable[[Seat], int]


def deal(jobs: Sequence[ClaimedJob], seats: Sequence[Seat], room: Room) -> list[ClaimedJob]:
    """Give each job to the seat that serves its kind and has most room. Returns what is left: jobs
    for which no seat has any."""
    places: dict[Kinds, Iterator[Seat]] = {}
    kinds_of = {kind: seat.kinds for seat in seats for kind in seat.kinds}
    hands: dict[Seat, list[ClaimedJob]] = {}
    left: list[ClaimedJob] = []
    for job in jobs:
        kinds = kinds_of.get(job.kind, ())
        if kinds not in places:
            places[kinds] = _places_of(kinds, seats, len(jobs), room)
        seat = next(places[kinds], None)
        if seat is None:
            left.append(job)
        else:
            hands.setdefault(seat, []).append(job)
    for seat, hand in hands.items():
        seat.give(hand)
    return left


def _places_of(kinds: Kinds, seats: Sequence[Seat], most: int, room: Room) -> Iterator[Seat]:
    """The seat of each place for these kinds, those with most room first.

    Where jobs are gathered: seat by seat, the fullest first of those that can begin soon.
    """
    asked = [(number, seat) for number, seat in enumerate(seats) if seat.kinds == kinds]
    if asked and asked[0][1].gathers:
        asked.sort(key=lambda each: (each[1].busy, room(each[1]), each[0]))
        return (seat for _, seat in asked for _ in range(min(most, room(seat))))
    places = [
        (place, -number, seat)
        for number, seat in asked
        for place in range(room(seat), max(0, room(seat) - most), -1)
    ]
    return (seat for _, _, seat in sorted(places, key=itemgetter(0, 1), reverse=True))
