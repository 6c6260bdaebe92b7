"""`scripts/chaos` in small: that campaigns come to their end, and that nothing was lost in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.campaigns.bouncer import MISSING, find

CHECKOUT = Path(__file__).parents[2]
RESTARTS = (
    *("--jobs", "500", "--job-ms", "3", "--synchronous-commit", "off", "--bound-seconds", "30"),
    *("--between-seconds", "0.2", "--faults", "postmaster,backend,terminated,immediate,fast"),
)
FROZEN = (
    *("--jobs", "400", "--between-seconds", "0.2", "--restarts", "1", "--bound-seconds", "30"),
    *("--faults", "frozen", "--frozen-seconds", "3.5"),
)
NETWORK = (
    *("--jobs", "400", "--job-ms", "3", "--long-ms", "100"),
    *("--only", "reset", "delay", "silence"),
)
CLOCK = (
    *("--jobs", "400", "--job-ms", "3", "--delay-seconds", "2"),
    *("--only", "jump", "node", "--lease-seconds", "20"),  # not to be lost on a busy machine
)
POWER = (
    *("--jobs", "400", "--job-ms", "3", "--bound-seconds", "30"),
    *("--between-seconds", "0.3", "--restarts", "2"),
)
LEADER = ("--jobs", "400", "--job-ms", "2", "--term-seconds", "1", "--late-seconds", "20")
SCHEDULE = ("--seconds", "4", "--term-seconds", "1", "--late-seconds", "20")
DEPLOY = ("--jobs", "300", "--nodes", "2", "--drain-seconds", "0.3", "--long-seconds", "3")
WORKFLOW = ("--workflows", "4", "--modules", "8", "--between-seconds", "2")
SOAK = ("--minutes", "0.06", "--sample-seconds", "0.5", "--keep-seconds", "1")


def slow(*case: object) -> Any:
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("campaign", "options", "fault", "least"),
    [
        # test_kills.py is quicker
        slow("kill", ("--jobs", "250", "--job-ms", "5"), "faults_child", 2),
        slow("postgres", RESTARTS, "faults", 1),  # test_database_dies.py is quicker
        slow("postgres", FROZEN, "faults_frozen", 1),
        slow("leader", LEADER, "terms", 2),  # the next one kills leaders, too
        ("schedule", SCHEDULE, "faults_killed_leader", 1),
        slow("migrate", ("--jobs", "300", "--job-ms", "3"), "rebuilt", 1),
        slow("network", NETWORK, "faults", 1),
        slow("clock", CLOCK, "faults_jump", 1),
        # test_endings.py is quicker
        slow("poison", ("--jobs", "200", "--quick"), "faults_segfaults", 1),
        slow("deploy", DEPLOY, "faults_drain", 1),
        pytest.param(
            *("pooler", ("--jobs", "600"), "faults", 1),
            marks=pytest.mark.skipif(find() is None, reason=MISSING),
        ),
        slow("soak", SOAK, "samples", 3),  # too short to judge; it samples
        slow("power", POWER, "faults_power", 1),
        ("limits", ("--jobs", "300", "--job-ms", "2"), "sequence_runs", 100),
        ("workflow", WORKFLOW, "entries", 2),
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
