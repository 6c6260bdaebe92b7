"""The campaigns' checker: a good history passes, and each way of being wrong is caught."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import attrs
import pytest

from scripts.campaigns.checker import check
from scripts.campaigns.figures import figures
from scripts.campaigns.history import DRAIN, PRUNED, Enqueue, Failure, Fault, History, Row, Run

ONE, TWO, THREE, FOUR, FIVE = (UUID(int=number) for number in range(1, 6))
NOBODYS = UUID(int=9)

# Job 1 ran once; job 2 was killed with process 11 in its first run; job 3's enqueue was repeated;
# job 4 was stopped when process 14 was drained, and given back; job 5 completed, and was pruned.
GOOD = History(
    enqueues=(
        Enqueue(ONE, "ok"),
        Enqueue(TWO, "ok"),
        Enqueue(THREE, "unknown"),
        Enqueue(THREE, "ok"),
        Enqueue(FOUR, "ok"),
        Enqueue(FIVE, "ok", PRUNED),
    ),
    runs=(
        Run(ONE, 1, 10, 1.0, 2.0),
        Run(TWO, 1, 11, 1.0, None),
        Run(TWO, 2, 12, 3.0, 4.0),
        Run(THREE, 1, 12, 5.0, 6.0),
        Run(FOUR, 1, 14, 1.0, None),
        Run(FOUR, 2, 12, 7.0, 8.0),
        Run(FIVE, 1, 12, 9.0, 9.5),
    ),
    rows=(
        Row(ONE, "completed", 1, 1, 1),
        Row(TWO, "completed", 2, 2, 2, (Failure(1, 1, "ChildDied", 3.0),)),
        Row(THREE, "completed", 1, 1, 1),
        Row(FOUR, "completed", 2, 1, 2),
    ),
    faults=(Fault("child", 2.5, frozenset({11})), Fault(DRAIN, 6.5, frozenset({14, 15}))),
)


def without_row(history: History) -> History:
    return attrs.evolve(history, rows=history.rows[1:])


def with_row(history: History, row: Row) -> History:
    others = tuple(each for each in history.rows if each.job != row.job)
    return attrs.evolve(history, rows=(*others, row))


def with_run(history: History, run: Run) -> History:
    return attrs.evolve(history, runs=(*history.runs, run))


def with_drain(history: History, drain: Fault) -> History:
    return attrs.evolve(history, faults=(history.faults[0], drain))


def without_run(history: History, gone: Run) -> History:
    return attrs.evolve(history, runs=tuple(run for run in history.runs if run != gone))


WRONG: list[tuple[str, Callable[[History], History]]] = [
    ("lost", without_row),
    ("lost", lambda good: with_row(good, Row(ONE, "running", 1, 1, None))),
    ("lost", lambda good: with_row(good, Row(ONE, "discarded", 1, 1, None))),
    ("lost", lambda good: without_run(good, good.runs[-1])),
    ("lost", lambda good: with_row(good, Row(FIVE, "running", 1, 1, None))),
    ("invented", lambda good: with_row(good, Row(NOBODYS, "completed", 1, 1, 1))),
    ("invented", lambda good: with_run(good, Run(NOBODYS, 1, 10, 7.0, 8.0))),
    ("double_outcomes", lambda good: with_run(good, Run(ONE, 1, 13, 2.5, 2.6))),
    ("double_outcomes", lambda good: with_run(good, Run(ONE, 2, 13, 2.5, 2.6))),
    ("double_outcomes", lambda good: attrs.evolve(good, runs=good.runs[1:])),
    ("double_outcomes", lambda good: with_row(good, attrs.evolve(good.rows[1], output=1))),
    ("double_outcomes", lambda good: with_run(good, Run(FIVE, 1, 13, 9.6, 9.7))),
    ("double_runs", lambda good: with_run(good, Run(FIVE, 2, 13, 9.2, 9.7))),
    (
        "double_runs",
        lambda good: attrs.evolve(
            good, runs=(good.runs[0], attrs.evolve(good.runs[1], ended=3.5), *good.runs[2:])
        ),
    ),
    ("unexplained", lambda good: with_row(good, attrs.evolve(good.rows[1], failures=()))),
    ("unexplained", lambda good: with_run(good, Run(ONE, 2, 13, 2.5, 2.6))),
    ("unexplained", lambda good: attrs.evolve(good, faults=good.faults[:1])),
    ("unexplained", lambda good: with_drain(good, Fault("node", 6.5, frozenset({14})))),
    ("unexplained", lambda good: with_drain(good, Fault(DRAIN, 6.5, frozenset({12, 15})))),
    ("unexplained", lambda good: with_drain(good, Fault(DRAIN, 7.5, frozenset({14})))),
    ("attempts", lambda good: with_row(good, Row(FOUR, "completed", 2, 2, 2))),
    ("attempts", lambda good: with_row(good, attrs.evolve(good.rows[0], attempt=2))),
    (
        "attempts",
        lambda good: with_row(
            good, attrs.evolve(good.rows[1], failures=(Failure(1, 2, "ChildDied"),))
        ),
    ),
    (
        "miscounted",
        lambda good: attrs.evolve(good, miscounted=("2 jobs of q are counted ...",)),
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
    unknown = attrs.evolve(GOOD, enqueues=GOOD.enqueues[:3], runs=GOOD.runs[:4], rows=GOOD.rows[:3])
    assert check(unknown) == []
    neither = attrs.evolve(unknown, runs=GOOD.runs[:3], rows=GOOD.rows[:2])
    assert check(neither) == []


def test_figures_count_and_time_what_happened() -> None:
    found = figures(GOOD, check(without_row(GOOD)))
    assert (found["jobs"], found["faults"], found["faults_child"]) == (5, 2, 1)
    assert (found["unknown_enqueues"], found["reruns"], found["lost"]) == (1, 2, 1)
    assert found["recovery_p50_s"] == found["recovery_p99_s"] == 0.5
