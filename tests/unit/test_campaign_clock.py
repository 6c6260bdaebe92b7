"""The wrong clocks of the campaign `clock`, and what it makes of what it has seen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

import attrs
import pytest

from scripts.campaigns.clocks import WrongClock
from scripts.campaigns.history import Failure, Fault, History, Row, Run
from scripts.campaigns.punctuality import delays, farthest, log_shift
from scripts.campaigns.rescues import slow_rescues

ROOT = Path(__file__).parents[2]
HOUR = 3600.0
ONE, TWO = UUID(int=1), UUID(int=2)

# Ways to ask for the time of day that a wrong clock does not reach.
_UNREACHED = re.compile(
    r"datetime\.now\(|utcnow\(|\.today\(|clock_gettime\(|CLOCK_REALTIME|from time import"
)

PROGRAM = """
import sys, time
for line in sys.stdin:
    print(time.time(), time.time_ns() / 1e9, time.mktime(time.localtime()), flush=True)
"""


def test_a_process_has_the_clock_that_it_was_given_and_feels_it_jump(tmp_path: Path) -> None:
    clock = WrongClock(tmp_path / "clock", HOUR)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM],
        env=os.environ | dict(clock.variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for ahead in (HOUR, -2 * HOUR, 0.0):
            clock.put(ahead)
            process.stdin.write("what time is it?\n")
            process.stdin.flush()
            for seen in process.stdout.readline().split():
                assert float(seen) - time.time() == pytest.approx(ahead, abs=5)


def test_headrace_asks_for_the_time_of_day_where_a_wrong_clock_answers() -> None:
    found = [
        f"{path}: {line.strip()}"
        for top in ("runtime", "actors")
        for path in sorted((ROOT / top).rglob("*.py"))
        for line in path.read_text().splitlines()
        if _UNREACHED.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("13:30:00.123 info    serving as ...\n", HOUR),
        ("11:00:00.000 info    old\n11:30:00.000 info    new\n  of two lines\n", -HOUR),
        ("23:59:00.000 info    before midnight", HOUR * 11.5 - 60),
        ("no stamp", None),
    ],
)
def test_a_log_shows_how_far_its_clock_is_ahead(text: str, shift: float | None) -> None:
    assert log_shift(text, datetime(2026, 1, 2, 12, 30)) == shift


def test_a_log_of_before_midnight_is_behind_one_of_after_it() -> None:
    assert log_shift("23:30:00 info", datetime(2026, 1, 2, 0, 30)) == -HOUR


def test_handlers_show_how_far_their_clocks_were_off() -> None:
    text = "1000000000 17 4601.5\n2000000000 18 -2598.0\n"
    assert farthest(text, 1000.0) == (-3600.0, 3600.5)


def test_a_job_is_late_by_its_first_run() -> None:
    runs = [Run(ONE, 2, 7, 9.0, 9.5), Run(ONE, 1, 7, 4.0, None), Run(TWO, 1, 7, 1.0, 2.0)]
    assert delays(runs, {ONE: 3.5}) == {ONE: 0.5}


def test_a_run_that_was_given_up_too_late_is_told() -> None:
    history = History(
        enqueues=(),
        runs=(Run(ONE, 1, 11, 1.0, None), Run(ONE, 2, 12, 9.0, 9.5)),
        rows=(Row(ONE, "completed", 2, 2, 2, (Failure(1, 1, "NodeLost", 8.0),)),),
        faults=(Fault("frozen", 2.0, frozenset({11})), Fault("frozen", 9.0, frozenset({12}))),
    )
    assert slow_rescues(history, ("frozen",), 6.0) == []
    assert slow_rescues(history, ("other",), 5.0) == []
    assert [found.job for found in slow_rescues(history, ("frozen",), 5.0)] == [ONE]
    by_itself = attrs.evolve(history.rows[0], failures=(Failure(1, 1, "ChildDied", 8.0),))
    assert slow_rescues(attrs.evolve(history, rows=(by_itself,)), ("frozen",), 5.0) == []
