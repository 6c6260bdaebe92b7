"""Simulations in small: the first seeds."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.simulation.simulation import Report, simulate

pytestmark = pytest.mark.untraced

# As many as take a few seconds of CPU; scripts/simulate runs thousands.
SEEDS = range(3)


@cache
def simulated(seed: int) -> Report:
    """Each is simulated once: it takes seconds."""
    return simulate(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_promise_is_broken(seed: int) -> None:
    report = simulated(seed)

    assert [str(violation) for violation in report.violations] == []


def test_another_process_with_another_hash_seed_gives_it_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", str(SEEDS[0])],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        timeout=90,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert simulated(SEEDS[0]).digest()[:16] in ended.stdout
