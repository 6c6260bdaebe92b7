"""What the campaigns' checker lets pass where the database crashed or was away, and what not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import attrs
import pytest

from scripts.campaigns.checker import check
from scripts.campaigns.figures import figures
from scripts.campaigns.history import Enqueue, Failure, Fault, History, Row, Run, Seen

ONE, TWO, THREE, FOUR = (UUID(int=number) for number in range(1, 5))

# A server whose commits do not wait crashes at 10.0. Job 1 had been completed, and job 2 was asked
# for 0.4 s before, which is gone. The answer for job 3, gone too, was under way. From 20.0 to 25.0
# the server is frozen: the run of job 4 in process 14 is ended by its node, and given back.
GOOD = History(
    enqueues=(
        Enqueue(ONE, "ok", at=1.0),
        Enqueue(TWO, "ok", at=9.6),
        Enqueue(THREE, "ok", at=10.01),
        Enqueue(FOUR, "ok", at=15.0),
    ),
    runs=(
        Run(ONE, 1, 12, 9.0, 9.5),
        Run(FOUR, 1, 14, 19.0, None),
        Run(FOUR, 2, 15, 26.0, 27.0),
    ),
    rows=(Row(ONE, "completed", 1, 1, 1), Row(FOUR, "completed", 2, 1, 2)),
    faults=(
        Fault("postmaster", 10.0, until=10.5, undoes=True),
        Fault("frozen", 20.0, frozenset({14}), until=25.0, lapses=True),
    ),
    seen=(Seen(ONE, 1),),
    asynchronous_seconds=0.6,
)


def with_answers(*enqueues: Enqueue) -> History:
    return attrs.evolve(GOOD, enqueues=(*GOOD.enqueues, *enqueues))


def with_crash(**changes: Any) -> History:
    crash = attrs.evolve(GOOD.faults[0], **changes)
    return attrs.evolve(GOOD, faults=(crash, GOOD.faults[1]))


def with_frozen(**changes: Any) -> History:
    frozen = attrs.evolve(GOOD.faults[1], **changes)
    return attrs.evolve(GOOD, faults=(GOOD.faults[0], frozen))


def with_first_row(row: Row) -> History:
    return attrs.evolve(GOOD, rows=(row, GOOD.rows[1]))


def with_runs(*runs: Run) -> History:
    return attrs.evolve(GOOD, runs=runs)


WRONG: list[tuple[str, Callable[[], History]]] = [
    ("lost", lambda: attrs.evolve(GOOD, asynchronous_seconds=0.0)),
    ("lost", lambda: attrs.evolve(GOOD, asynchronous_seconds=0.3)),
    ("lost", lambda: with_crash(at=10.7)),
    ("lost", lambda: with_crash(at=9.0)),
    ("lost", lambda: with_crash(undoes=False)),
    ("lost", lambda: with_answers(Enqueue(TWO, "ok", at=12.0))),  # it was asked for once more
    ("lost", lambda: with_runs(*GOOD.runs, Run(TWO, 1, 12, 9.7, 9.8))),  # claimed, so on the disk
    ("lost", lambda: attrs.evolve(GOOD, rows=GOOD.rows[1:])),
    ("undone", lambda: attrs.evolve(GOOD, rows=GOOD.rows[1:])),
    ("undone", lambda: with_first_row(Row(ONE, "running", 1, 1, None))),
    (
        "undone",  # the outcome was lost with the crash, and the job has run again
        lambda: with_first_row(Row(ONE, "completed", 2, 2, 2, (Failure(1, 1, "NodeLost"),))),
    ),
    ("double_outcomes", lambda: with_runs(*GOOD.runs, Run(ONE, 1, 15, 11.0, 11.1))),
    ("unexplained", lambda: with_frozen(lapses=False)),
    ("unexplained", lambda: with_frozen(pids=frozenset({15}))),
    ("unexplained", lambda: with_frozen(at=26.5)),
    ("unexplained", lambda: with_frozen(until=15.5)),
    (
        "double_runs",  # it was not ended, and went on
        lambda: with_runs(GOOD.runs[0], attrs.evolve(GOOD.runs[1], ended=26.5), GOOD.runs[2]),
    ),
]


def test_what_a_crash_and_an_outage_may_cost_is_no_violation() -> None:
    assert check(GOOD) == []
    assert figures(GOOD, [])["undone_enqueues"] == 2


@pytest.mark.parametrize(("kind", "spoiled"), WRONG)
def test_what_they_must_not_cost_is_caught(kind: str, spoiled: Callable[[], History]) -> None:
    assert kind in {violation.kind for violation in check(spoiled())}


def test_what_was_frozen_is_recovered_from_its_end_on() -> None:
    lost = attrs.evolve(GOOD.rows[1], failures=(Failure(1, 1, "NodeLost", 25.5),), attempt=2)
    history = attrs.evolve(GOOD, rows=(GOOD.rows[0], lost))
    assert check(history) == []
    assert figures(history, [])["recovery_frozen_p50_s"] == 0.5
