"""Simulations in small: that the first seeds, and those that have found something, are clean."""

from __future__ import annotations

import pytest

from tests.simulation.simulation import simulate

SEEDS = range(24)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_promise_is_broken(seed: int) -> None:
    report = simulate(seed)

    assert [str(violation) for violation in report.violations] == []
