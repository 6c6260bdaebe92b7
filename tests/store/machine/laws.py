"""What holds of any step of any Store, whatever was asked: the table of states, and arithmetic.

The model could be wrong in the same way as a Store; these are judged by runtime.lifecycle alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from runtime.lifecycle import INITIAL_STATES, TRANSITIONS, JobState
from tests.store.machine.rows import JobRow, Snapshot


class Disagreement(AssertionError):
    """The Store did not do what it must."""


def check_laws(before: Snapshot, after: Snapshot) -> None:
    """Raises: Disagreement, if there is no lawful step from the one to the other."""
    broken = [
        f"job {job_id.int}: {law}"
        for job_id in before.jobs.keys() | after.jobs.keys()
        for law in _broken(before.jobs.get(job_id), after.jobs.get(job_id))
    ]
    if broken:
        raise Disagreement("\n".join(sorted(broken)))


def _broken(old: JobRow | None, new: JobRow | None) -> Iterator[str]:
    if new is not None:
        yield from _broken_alone(new)
    if old is None and new is not None:
        if new.state not in INITIAL_STATES or new.run_number or new.attempt or new.failures:
            yield f"began as {new}"
    elif new is None and old is not None:
        if old.state is JobState.RUNNING:
            yield "was deleted while it ran"
    elif old is not None and new is not None:
        yield from _broken_between(old, new)


def _broken_alone(job: JobRow) -> Iterator[str]:
    if (job.node is not None) != (job.state is JobState.RUNNING):
        yield f"is {job.state} on node {job.node}"
    if (job.finalized_at is not None) != job.state.final:
        yield f"is {job.state}, finalized at {job.finalized_at}"
    if not 0 <= job.attempt <= job.run_number:
        yield f"has {job.attempt} attempts of {job.run_number} runs"
    if len({failure[0] for failure in job.failures}) != len(job.failures):
        yield "has two failures of one run"


def _broken_between(old: JobRow, new: JobRow) -> Iterator[str]:
    if old.state is not new.state and (old.state, new.state) not in TRANSITIONS:
        yield f"went from {old.state} to {new.state}"
    claimed = old.state is not JobState.RUNNING and new.state is JobState.RUNNING
    expired = old.state is not JobState.RUNNING and new.state is JobState.DISCARDED
    if new.run_number - old.run_number != (claimed or (expired and old.state is not new.state)):
        yield f"had run {old.run_number}, and now has {new.run_number}"
    if new.attempt - old.attempt not in ((1,) if claimed else (0, -1)):
        yield f"had attempt {old.attempt}, and now has {new.attempt}"
    if new.attempt < old.attempt and old.state is not JobState.RUNNING:
        yield "got an attempt back without a run"
    if old.state.final and new.state.final and new != old:
        yield "changed after its end"
    if new.failures[len(new.failures) - len(old.failures) :] != old.failures:
        yield "lost a failure"
