"""The picture of a workflow's timeline, from its steps alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from runtime.cli.timeline import ASCII, Marks, marks_for, picture
from runtime.timeline import Step

AT = datetime(2026, 1, 1, tzinfo=UTC)


def step(place: str, op: str, name: str, begin: float, end: float, **other: Any) -> Step:
    began, recorded = (AT + timedelta(seconds=seconds) for seconds in (begin, end))
    plain = Step(place, op, name, True, None, None, None, 1, 1, "node", None, None, began, recorded)
    return msgspec.structs.replace(plain, **other)


WORKFLOW = [
    step("1", "step", "list", 0, 1),
    step("2", "map", "survey", 1, 9, children={"completed": 38, "discarded": 2}),
    step("3", "step", "reduce", 9, 9.5, attempts=3, error_class="ValueError", message="no\nsuch"),
    step("4.0.1", "step", "again", 9.5, 9.5, done=False, error_class="OSError", message="away"),
    step("5", "signal", "approved", 9.5, 9.5, done=False, until=AT + timedelta(days=1)),
]


def test_each_step_has_a_line_with_its_stretch_of_time() -> None:
    head, *lines = picture(WORKFLOW, 100, Marks())

    assert head == "timeline: 5 steps, 9.5 s"
    assert [line.split()[:4] for line in lines] == [
        ["1", "✓", "step", "list"],
        ["2", "✓", "map", "survey"],
        ["3", "✗", "step", "reduce"],
        ["4.0.1", "↻", "step", "again"],
        ["5", "…", "signal", "approved"],
    ]
    assert lines[1].endswith("8 s  38 completed  2 discarded")
    assert lines[2].endswith("0.5 s  3 attempts  ValueError: no")
    assert lines[3].endswith("waits  OSError: away")
    assert lines[4].endswith("until 2026-01-02 00:00:00Z")
    bars = [line.count("━") + line.count("┄") for line in lines]
    assert bars[1] > 5 * bars[0] > 0
    assert bars[4] == 1  # from the right edge, which is the last moment that is known
    assert lines[1].index("━") == lines[0].rindex("━") + 1


def test_a_terminal_without_such_letters_gets_others() -> None:
    assert marks_for("utf-8") == Marks()
    assert marks_for("latin-1") == marks_for(None) == marks_for("no such") == ASCII
    assert all(line.isascii() for line in picture(WORKFLOW, 80, ASCII))


def test_of_very_many_steps_the_first_and_last_are_shown() -> None:
    steps = [step(f"{n}", "step", f"s{n}", n, n + 1) for n in range(1, 10_001)]

    lines = list(picture(steps, 80, ASCII, most=4))

    assert [line.split()[0] for line in lines] == ["timeline:", "1", "2", "...", "9999", "10000"]
    assert "9,996 steps are not shown" in lines[3]
    assert len(list(picture(steps, 80, ASCII, most=None))) == 10_001


def test_names_of_strangers_stay_on_their_line() -> None:
    (_, line) = picture([step("1", "step", "a\x1b[2J\n" + "b" * 60, 0, 0)], 80, ASCII)
    assert "\x1b" not in line
    assert "\\x1b[2J" in line
    assert ".." in line


def test_nothing_is_nothing() -> None:
    assert list(picture([], 80, ASCII)) == []
