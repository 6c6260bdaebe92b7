"""Whether a history is one that Headrace promises. Pure; tested with histories made wrong.

lost             a committed enqueue has no row, or one that is not completed
invented         a row or a run of a job that nobody asked for
double_outcomes  a run began or ended twice, or the outcome is not that of the last run
double_runs      two runs of a job overlap
unexplained      a job ran again though the run before had not failed
attempts         attempts do not add up
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from uuid import UUID

import attrs

from scripts.campaigns.history import History, Row, Run

KINDS = ("lost", "invented", "double_outcomes", "double_runs", "unexplained", "attempts")
# What may end a run that then is repeated.
DEATHS = frozenset({"ChildDied", "NodeLost"})


@attrs.frozen
class Violation:
    """A promise that was not kept. `job`: None, if it is of no one job."""

    kind: str
    job: UUID | None
    text: str

    def __str__(self) -> str:
        return (
            f"{self.kind}: job {self.job}: {self.text}" if self.job else f"{self.kind}: {self.text}"
        )


def check(history: History) -> list[Violation]:
    """All violations; [] for a history as it should be."""
    runs: dict[UUID, list[Run]] = defaultdict(list)
    for run in sorted(history.runs, key=lambda each: (each.number, each.begun)):
        runs[run.job].append(run)
    rows = {row.job: row for row in history.rows}
    found = [*_lost(history, rows), *_invented(history, rows, runs)]
    for job, row in rows.items():
        found += _outcomes(row, runs[job])
        found += _overlaps(runs[job])
        found += _reasons(row, runs[job])
        found += _attempts(row)
    return found


def _lost(history: History, rows: dict[UUID, Row]) -> Iterator[Violation]:
    for job, end in {
        each.job: each.end for each in history.enqueues if each.answer == "ok"
    }.items():
        if job not in rows:
            yield Violation("lost", job, "it was enqueued, and is not there")
        elif rows[job].state != end:
            yield Violation("lost", job, f"it ended as {rows[job].state}, not as {end}")


def _invented(history: History, rows: Iterable[UUID], runs: Iterable[UUID]) -> Iterator[Violation]:
    asked = {each.job for each in history.enqueues}
    for job in (set(rows) | set(runs)) - asked:
        yield Violation("invented", job, "nobody enqueued it")


def _outcomes(row: Row, runs: list[Run]) -> Iterator[Violation]:
    for number, times in Counter(run.number for run in runs).items():
        if times > 1:
            yield Violation("double_outcomes", row.job, f"run {number} began {times} times")
    if row.state != "completed":
        return
    if not runs or runs[-1].ended is None:
        yield Violation(
            "double_outcomes", row.job, "it completed, but no run of it came to its end"
        )
    elif not runs[-1].number == row.run_number == row.output:
        yield Violation(
            "double_outcomes",
            row.job,
            f"the last run was {runs[-1].number}, the row's is {row.run_number}, and its output is"
            f" that of {row.output}",
        )


def _overlaps(runs: list[Run]) -> Iterator[Violation]:
    for earlier, later in pairwise(runs):
        if (earlier.ended or earlier.begun) > later.begun:
            text = f"run {later.number} began before run {earlier.number} had ended"
            yield Violation("double_runs", earlier.job, text)


def _reasons(row: Row, runs: list[Run]) -> Iterator[Violation]:
    failed = {each.run_number for each in row.failures if each.error_class in DEATHS}
    for run in runs[:-1]:
        if run.number not in failed:
            yield Violation("unexplained", row.job, f"run {run.number} had not failed")


def _attempts(row: Row) -> Iterator[Violation]:
    counted = [each.attempt for each in row.failures]
    if counted != list(range(1, len(counted) + 1)):
        yield Violation("attempts", row.job, f"its failures are of the attempts {counted}")
    if row.state == "completed" and row.attempt != len(counted) + 1:
        text = f"{len(counted)} failures and a completion, but {row.attempt} attempts"
        yield Violation("attempts", row.job, text)
