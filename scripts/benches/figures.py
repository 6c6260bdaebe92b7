"""Figures and goals: what a bench returns. Pure."""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

Figures = dict[str, float]
Op = Literal[">=", "<=", ">"]

_HOLDS = {">=": operator.ge, "<=": operator.le, ">": operator.gt}


@attrs.frozen
class Goal:
    """What a figure is wished to be."""

    figure: str
    op: Op
    value: float

    def met(self, figures: Mapping[str, float]) -> bool:
        """Whether it is."""
        return bool(_HOLDS[self.op](figures[self.figure], self.value))


@attrs.frozen
class Result:
    """What a bench found."""

    figures: Figures
    goals: Sequence[Goal] = ()

    def goals_json(self) -> list[dict[str, object]]:
        """The goals, and whether each is met."""
        return [attrs.asdict(goal) | {"met": goal.met(self.figures)} for goal in self.goals]


def percentiles(prefix: str, milliseconds: Sequence[float]) -> Figures:
    """p50, p95 and p99, by the nearest rank."""
    ordered = sorted(milliseconds)
    ranks = {share: max(0, math.ceil(share / 100 * len(ordered)) - 1) for share in (50, 95, 99)}
    return {f"{prefix}_p{share}_ms": ordered[rank] for share, rank in ranks.items()}


def medians(rounds: Sequence[Mapping[str, float]]) -> Figures:
    """The median of each figure over all rounds."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
