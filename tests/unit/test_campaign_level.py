"""Levelling off: a plateau with noise is one, and a leak under the same noise is not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from scripts.campaigns.level import LEAST_SAMPLES, Heights, Tolerance, heights

TOLERANCE = Tolerance(share=0.05, slack=1.0)


def noisy(shape: Callable[[float], float], samples: int = 360, seed: int = 1) -> list[float]:
    """A value for each moment from 0 to 1, with noise of 3 % and now and then a spike."""
    dice = random.Random(seed)
    return [
        shape(number / samples) * dice.uniform(0.97, 1.03) + (20 if dice.random() < 0.02 else 0)
        for number in range(samples)
    ]


def saw_tooth(height: float, teeth: float) -> Callable[[float], float]:
    return lambda at: height * (at * teeth % 1)


LEVEL: list[tuple[str, Callable[[float], float]]] = [
    ("flat", lambda at: 50),
    ("warms up, then flat", lambda at: 50 * min(1, 0.2 + 4 * at)),
    ("comes close to its end ever more slowly", lambda at: 50 * (1 - math.exp(-12 * at))),
    ("falls", lambda at: 50 - 20 * at),
    ("is cleaned up now and then", saw_tooth(50, 30.3)),
    ("nothing", lambda at: 0),
]
GROWING: list[tuple[str, Callable[[float], float]]] = [
    ("a leak from the beginning", lambda at: 50 + 20 * at),
    ("from nothing", lambda at: 50 * at),
    ("a leak that begins late", lambda at: 50 + 60 * max(0, at - 0.7)),
    ("one that is slowing down, and far from its end", lambda at: 50 * math.sqrt(at)),
    ("under a saw-tooth", lambda at: saw_tooth(20, 30.3)(at) + 40 * at),
    ("in steps", lambda at: 50 + 10 * int(at * 4)),
]


@pytest.mark.parametrize("shape", [shape for _, shape in LEVEL], ids=[name for name, _ in LEVEL])
@pytest.mark.parametrize("seed", range(5))
def test_a_plateau_is_level(shape: Callable[[float], float], seed: int) -> None:
    assert heights(noisy(shape, seed=seed)).is_level(TOLERANCE)


@pytest.mark.parametrize(
    "shape", [shape for _, shape in GROWING], ids=[name for name, _ in GROWING]
)
@pytest.mark.parametrize("seed", range(5))
def test_growth_is_not_level(shape: Callable[[float], float], seed: int) -> None:
    assert not heights(noisy(shape, seed=seed)).is_level(TOLERANCE)


def test_growth_within_the_tolerance_is_level() -> None:
    assert Heights(20.0, 22.0).is_level(TOLERANCE)
    assert not Heights(20.0, 22.1).is_level(TOLERANCE)


def test_the_fewest_samples_that_are_judged_show_a_leak() -> None:
    assert not heights([50 + number for number in range(LEAST_SAMPLES)]).is_level(TOLERANCE)
    assert heights([50] * LEAST_SAMPLES).is_level(TOLERANCE)
