"""Simulations in small: the first seeds."""

from __future__ import annotations

import pytest

from tests.simulation.simulation import simulate

pytestmark = pytest.mark.untraced

# As many as take a few seconds of CPU; scripts/simulate runs thousands.
SEEDS = range(3)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_promise_is_broken(seed: int) -> None:
    report = simulate(seed)

    assert [str(violation) for violation in report.violations] == []
