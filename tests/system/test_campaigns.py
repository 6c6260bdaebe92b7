"""`scripts/chaos` in small: that campaigns come to their end, and that nothing was lost in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("campaign", "options", "fault", "least"),
    [
        ("kill", ("--jobs", "400", "--job-ms", "5"), "faults_child", 2),
        ("postgres", ("--jobs", "2000", "--restarts", "1"), "faults_postgres", 1),
    ],
)
def test_a_campaign_finds_no_violation(
    campaign: str, options: tuple[str, ...], fault: str, least: int
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.campaigns", campaign, "--json", "--seed", "5", *options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert (found["campaign"], found["seed"], found["violations"]) == (campaign, 5, [])
    assert found["figures"][fault] >= least
    assert found["figures"]["lost"] == found["figures"]["double_runs"] == 0
