"""That a seed is all there is to a simulation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.simulation import simulate

pytestmark = pytest.mark.untraced

SEED = 3


def test_the_same_seed_gives_the_same_history_to_the_byte() -> None:
    first, second = (simulate(SEED, jobs=10, seconds=4.0) for _ in range(2))

    assert first.chronicle.lines == second.chronicle.lines
    assert repr(first.history) == repr(second.history)


def test_another_process_with_another_hash_seed_gives_it_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", str(SEED)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert simulate(SEED).digest()[:16] in ended.stdout
