"""That a seed is all there is to a simulation; see also test_simulation.py."""

from __future__ import annotations

import pytest

from tests.simulation.simulation import simulate

pytestmark = pytest.mark.untraced

SEED = 3


def test_the_same_seed_gives_the_same_history_to_the_byte() -> None:
    first, second = (simulate(SEED, jobs=10, seconds=4.0) for _ in range(2))

    assert first.chronicle.lines == second.chronicle.lines
    assert repr(first.history) == repr(second.history)
