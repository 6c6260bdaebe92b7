"""Whether what was measured again and again has levelled off. Pure.

Of a series, the first third is warming up. Of the second and of the last third the height is taken:
what nine of ten samples do not exceed, so that neither one high sample nor the saw-tooth of what is
cleaned up now and then matters. It has levelled off if the last third is higher by no more than the
tolerance. A steady growth from the beginning on is found if, from the second to the last third, it
comes to more than the tolerance; one that stops in the second third is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

# Samples in a series, from which it can be judged: ten in a third.
LEAST_SAMPLES = 30
_HEIGHT = 0.9


@attrs.frozen
class Tolerance:
    """By how much the last third may be higher. `share`: of the second; `slack`: besides."""

    share: float
    slack: float


@attrs.frozen
class Heights:
    """Of the second and of the last third of a series."""

    second: float
    last: float

    def is_level(self, tolerance: Tolerance) -> bool:
        """Whether it has levelled off."""
        return self.last <= self.second * (1 + tolerance.share) + tolerance.slack


def heights(series: Sequence[float]) -> Heights:
    """The heights of a series of three samples or more."""
    third = len(series) // 3
    return Heights(_height(series[-2 * third : -third]), _height(series[-third:]))


def _height(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[math.ceil(_HEIGHT * len(ordered)) - 1]
