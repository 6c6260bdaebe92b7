"""The campaigns' checker: a good history passes, and each way of being wrong is caught."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import attrs
import pytest

from scripts.campaigns.checker import check
from scripts.campaigns.figures import figures
from scripts.campaigns.history import Enqueue, Failure, Fault, History, Row, Run

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))

# Job 1 ran once; job 2 was killed with process 11 in its first run; job 3's enqueue was repeated.
GOOD = History(
    enqueues=(
        Enqueue(ONE, "ok"),
        Enqueue(TWO, "ok"),
        Enqueue(THREE, "unknown"),
        Enqueue(THREE, "ok"),
    ),
    runs=(
        Run(ONE, 1, 10, 1.0, 2.0),
        Run(TWO, 1, 11, 1.0, None),
        Run(TWO, 2, 12, 3.0, 4.0),
        Run(THREE, 1, 12, 5.0, 6.0),
    ),
    rows=(
        Row(ONE, "completed", 1, 1, 1),
        Row(TWO, "completed", 2, 2, 2, (Failure(1, 1, "ChildDied", 3.0),)),
        Row(THREE, "completed", 1, 1, 1),
    ),
    faults=(Fault("child", 2.5, frozenset({11})),),
)


def without_row(history: History) -> History:
    return attrs.evolve(history, rows=history.rows[1:])


def with_row(history: History, row: Row) -> History:
    others = tuple(each for each in history.rows if each.job != row.job)
    return attrs.evolve(history, rows=(*others, row))


def with_run(history: History, run: Run) -> History:
    return attrs.evolve(history, runs=(*history.runs, run))


WRONG: list[tuple[str, Callable[[History], History]]] = [
    ("lost", without_row),
    ("lost", lambda good: with_row(good, Row(ONE, "running", 1, 1, None))),
    ("lost", lambda good: with_row(good, Row(ONE, "discarded", 1, 1, None))),
    ("invented", lambda good: with_row(good, Row(UUID(int=4), "completed", 1, 1, 1))),
    ("invented", lambda good: with_run(good, Run(UUID(int=4), 1, 10, 7.0, 8.0))),
    ("double_outcomes", lambda good: with_run(good, Run(ONE, 1, 13, 2.5, 2.6))),
    ("double_outcomes", lambda good: with_run(good, Run(ONE, 2, 13, 2.5, 2.6))),
    ("double_outcomes", lambda good: attrs.evolve(good, runs=good.runs[1:])),
    ("double_outcomes", lambda good: with_row(good, attrs.evolve(good.rows[1], output=1))),
    (
        "double_runs",
        lambda good: attrs.evolve(
            good, runs=(good.runs[0], attrs.evolve(good.runs[1], ended=3.5), *good.runs[2:])
        ),
    ),
    ("unexplained", lambda good: with_row(good, attrs.evolve(good.rows[1], failures=()))),
    ("unexplained", lambda good: with_run(good, Run(ONE, 2, 13, 2.5, 2.6))),
    ("attempts", lambda good: with_row(good, attrs.evolve(good.rows[0], attempt=2))),
    (
        "attempts",
        lambda good: with_row(
            good, attrs.evolve(good.rows[1], failures=(Failure(1, 2, "ChildDied"),))
        ),
    ),
]


def test_a_history_as_it_should_be_has_no_violation() -> None:
    assert check(GOOD) == []


def test_the_order_of_what_is_told_does_not_matter() -> None:
    turned = History(GOOD.enqueues[::-1], GOOD.runs[::-1], GOOD.rows[::-1], GOOD.faults)
    assert check(turned) == []


@pytest.mark.parametrize(("kind", "spoil"), WRONG)
def test_a_history_made_wrong_is_caught(kind: str, spoil: Callable[[History], History]) -> None:
    assert kind in {violation.kind for violation in check(spoil(GOOD))}


def test_an_enqueue_of_unknown_end_may_be_there_or_not() -> None:
    unknown = attrs.evolve(GOOD, enqueues=GOOD.enqueues[:3])
    assert check(unknown) == []
    neither = attrs.evolve(unknown, runs=GOOD.runs[:3], rows=GOOD.rows[:2])
    assert check(neither) == []


def test_figures_count_and_time_what_happened() -> None:
    found = figures(GOOD, check(without_row(GOOD)))
    assert (found["jobs"], found["faults"], found["faults_child"]) == (3, 1, 1)
    assert (found["unknown_enqueues"], found["reruns"], found["lost"]) == (1, 1, 1)
    assert found["recovery_p50_s"] == found["recovery_p99_s"] == 0.5
