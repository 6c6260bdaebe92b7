"""From the chronicle of a simulation to the checkers: the history, and what only it can see.

The campaigns' checker gets the history: it knows lost, doubled and overlapping runs, and attempts.
What it must be told is which runs may be followed by another one; here each run is a process of its
own to it, which was drained if that run was given back, snoozed, or failed.

What a campaign cannot see is checked here: that a run went on, killed at last, while the next one
began; that a job ended as its handler did not; began after its cancellation; that something hangs,
leaks or crashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf
from uuid import UUID

from runtime.job import FailureRow, Job
from runtime.lifecycle import FINAL_STATES
from scripts.campaigns.checker import DEATHS, Violation
from scripts.campaigns.history import DRAIN, Enqueue, Failure, Fault, History, Row, Run
from tests.simulation import flowing
from tests.simulation.chronicle import RunRecord
from tests.simulation.world import World


def history(world: World, rows: Sequence[Job]) -> History:
    """What the campaigns' checker is to be given."""
    by_id = {row.id: row for row in rows}
    last = _last_runs(world)
    ends = {job: _end(world, row, last.get(job)) for job, row in by_id.items()}
    return History(
        enqueues=tuple(
            Enqueue(each.job, each.answer, ends.get(each.job, "completed"))
            for each in world.chronicle.enqueues
        ),
        runs=tuple(
            Run(run.job, run.number, process, run.begun, run.ended)
            for process, run in enumerate(world.chronicle.runs)
        ),
        rows=tuple(_row(row) for row in rows),
        faults=tuple(
            Fault(DRAIN, run.over, frozenset({process}))
            for process, run in enumerate(world.chronicle.runs)
            if run.over is not None and _may_be_followed(world, run, by_id.get(run.job))
        ),
    )


def _row(row: Job) -> Row:
    failures = sorted(row.failures, key=lambda failure: failure.run_number)
    return Row(
        row.id,
        row.state.value,
        row.run_number,
        row.attempt,
        row.output,
        tuple(
            Failure(each.run_number, each.attempt, each.error_class, each.failed_at.timestamp())
            for each in failures
        ),
    )


def _last_runs(world: World) -> dict[UUID, RunRecord]:
    last: dict[UUID, RunRecord] = {}
    for run in world.chronicle.runs:
        if run.job not in last or run.number >= last[run.job].number:
            last[run.job] = run
    return last


def _end(world: World, row: Job, last: RunRecord | None) -> str:
    """How the job should have ended: as it has, if that is one of the ends it may have."""
    plan = world.plans[row.id]
    used_up = bool(row.failures) and row.attempt >= row.max_attempts
    may = {
        "completed": True,
        "cancelled": plan.cancel_asked or (last is not None and last.how == "cancelled"),
        "discarded": used_up or (last is not None and last.how == "discarded"),
    }
    return row.state.value if may.get(row.state.value) else "completed"


def _may_be_followed(world: World, run: RunRecord, row: Job | None) -> bool:
    """Whether another run may follow this one, besides after a death that the database knows of."""
    failures = () if row is None else row.failures
    failure = next((each for each in failures if each.run_number == run.number), None)
    if failure is not None:
        return _may_have_failed(run, failure)
    if run.how in ("snoozed", "stopped"):
        return True
    given_back = (run.job, run.number) in world.chronicle.given_back
    return given_back and run.gone is not None and not run.heard


def _may_have_failed(run: RunRecord, failure: FailureRow) -> bool:
    """Of a failure that is no death: the handler has raised, or has not stopped in time."""
    if failure.error_class in DEATHS:
        return False  # the checker knows it
    return run.how == "raised" or (run.ended is None and failure.error_class == "JobTimeout")


def unended(world: World) -> list[str]:
    """Jobs that are known to be written, or are, and have not ended."""
    written = {each.job for each in world.chronicle.enqueues if each.answer == "ok"}
    jobs = world.store._state.jobs
    return [
        plan.name
        for job, plan in world.plans.items()
        if (job in jobs and jobs.get(job).state not in FINAL_STATES)
        or (job in written and job not in jobs)
    ]


def broken(world: World, rows: Sequence[Job]) -> Iterator[Violation]:
    """What the campaigns' checker does not look at."""
    for text in world.chronicle.failings:
        yield Violation("failing", None, text)
    for run in world.chronicle.runs:
        if run.gone is None:
            yield Violation("leak", run.job, f"the process {run.pid} of its run is still there")
    for earlier, later in pairwise(sorted(world.chronicle.runs, key=lambda r: (r.job, r.number))):
        if earlier.job == later.job and (earlier.over or inf) > later.begun:
            text = f"run {earlier.number} was not over when run {later.number} began"
            yield Violation("double_runs", later.job, text)
    yield from flowing.broken(world, rows)
    last = _last_runs(world)
    for row in rows:
        if row.id in last:
            yield from _outcome(row, last[row.id])


def _outcome(row: Job, last: RunRecord) -> Iterator[Violation]:
    """A run that ended by itself, heard and never overtaken, decides how its job ends."""
    if last.how == "succeeded" and last.heard and row.run_number == last.number:
        failed = any(each.run_number == last.number for each in row.failures)
        cancelled = row.state.value == "cancelled" and row.cancel_requested_at is not None
        if row.state.value != "completed" and not failed and not cancelled:
            text = f"run {last.number} succeeded, yet it is {row.state.value}"
            yield Violation("wrong_outcome", row.id, text)
