"""Whether a history is one that Headrace promises. Pure; tested with histories made wrong.

lost             a committed enqueue has no row, or one that is not completed; of one whose row was
                 to be pruned: no row, and no run that came to its end
invented         a row or a run of a job that nobody asked for
double_outcomes  a run began or ended twice, or the outcome is not that of the last run
double_runs      two runs of a job overlap
unexplained      a job ran again though the run before had neither failed nor been given back
undone           a completion that somebody saw is not there any more
attempts         attempts do not add up
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from uuid import UUID

import attrs

from scripts.campaigns.allowances import givers_back, undoable, was_given_back
from scripts.campaigns.history import PRUNED, Fault, History, Row, Run

KINDS = (
    "lost",
    "invented",
    "double_outcomes",
    "double_runs",
    "unexplained",
    "attempts",
    "undone",
)
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
    givers = givers_back(history)
    found = [*_lost(history, rows, runs), *_invented(history, rows, runs)]
    found += _undone(history, rows)
    for ran in runs.values():
        found += [*_begun_twice(ran), *_overlaps(ran)]
    for job, row in rows.items():
        found += _outcomes(row, runs[job])
        found += _reasons(row, runs[job], givers)
        found += _attempts(row)
    return found


def _lost(
    history: History, rows: dict[UUID, Row], runs: dict[UUID, list[Run]]
) -> Iterator[Violation]:
    may_be_missing = undoable(history)
    for job, end in {
        each.job: each.end for each in history.enqueues if each.answer == "ok"
    }.items():
        if job in rows:
            wanted = "completed" if end == PRUNED else end
            if rows[job].state != wanted:
                yield Violation("lost", job, f"it ended as {rows[job].state}, not as {wanted}")
        elif end != PRUNED:
            if job not in may_be_missing:
                yield Violation("lost", job, "it was enqueued, and is not there")
        elif all(run.ended is None for run in runs.get(job, ())):
            yield Violation("lost", job, "it is not there, and no run of it came to its end")


def _invented(history: History, rows: Iterable[UUID], runs: Iterable[UUID]) -> Iterator[Violation]:
    asked = {each.job for each in history.enqueues}
    for job in (set(rows) | set(runs)) - asked:
        yield Violation("invented", job, "nobody enqueued it")


def _undone(history: History, rows: dict[UUID, Row]) -> Iterator[Violation]:
    for seen in history.seen:
        row = rows.get(seen.job)
        if row is None or (row.state, row.run_number) != ("completed", seen.run_number):
            text = f"its completion by run {seen.run_number} was seen, and is not there"
            yield Violation("undone", seen.job, text)


def _begun_twice(runs: list[Run]) -> Iterator[Violation]:
    for number, times in Counter(run.number for run in runs).items():
        if times > 1:
            yield Violation("double_outcomes", runs[0].job, f"run {number} began {times} times")


def _outcomes(row: Row, runs: list[Run]) -> Iterator[Violation]:
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


def _reasons(row: Row, runs: list[Run], givers: Sequence[Fault]) -> Iterator[Violation]:
    failed = {each.run_number for each in row.failures if each.error_class in DEATHS}
    for run, following in pairwise(runs):
        if run.number not in failed and not was_given_back(run, following, givers):
            end = "ended" if run.ended else "did not end"
            text = (
                f"run {run.number}, by process {run.pid}, which began at {run.begun:.3f} and {end},"
                f" had neither failed nor been given back when the next began at"
                f" {following.begun:.3f}"
            )
            yield Violation("unexplained", row.job, text)


def _attempts(row: Row) -> Iterator[Violation]:
    counted = [each.attempt for each in row.failures]
    if counted != list(range(1, len(counted) + 1)):
        yield Violation("attempts", row.job, f"its failures are of the attempts {counted}")
    if row.state == "completed" and row.attempt != len(counted) + 1:
        text = f"{len(counted)} failures and a completion, but {row.attempt} attempts"
        yield Violation("attempts", row.job, text)
