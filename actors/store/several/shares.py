"""How free places are shared among namespaces. Pure.

Rule: who holds less gets more, until all hold the same; so a namespace whose jobs are long does not
keep the others from the cores. What does not divide goes in turns.
"""

from __future__ import annotations

from collections.abc import Sequence


def shares(places: int, held: Sequence[int], turn: int) -> list[int]:
    """How many of the free places each is to ask for.

    Args: held: how many jobs of each run here now. turn: whose turn it is, among equals.
    """
    level = list(held)
    count = len(level)
    for _ in range(places):
        lowest = min(range(count), key=lambda place: (level[place], (place - turn) % count))
        level[lowest] += 1
    return [new - old for new, old in zip(level, held, strict=True)]
