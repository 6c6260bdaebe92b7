"""Graphs of a MemoryStore: jobs that wait for others, as 034_graphs.sql has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import attrs

from actors.store.memory.rows import JobEntry
from actors.store.memory.state import DependencyEntry, State
from runtime.lifecycle import JobState
from runtime.workflow.records import Dependency, StepRecord

MODES = ("finish", "stop")
_HALTED = "skipped: another job of its graph has failed"


def write(state: State, parent: UUID, place: str, after: Sequence[Dependency]) -> None:
    """As write_dependencies."""
    if (parent, place) not in state.dependencies and after:
        state.dependencies[parent, place] = [
            DependencyEntry(
                tuple(UUID(bytes=each) for each in one.needed),
                one.strict,
                tuple(UUID(bytes=each) for each in one.waiting),
            )
            for one in after
        ]


def release_dependents(state: State, parents: Iterable[UUID]) -> None:
    """As the SQL function of this name."""
    for parent in parents:
        if parent not in state.jobs or state.jobs.get(parent).state.final:
            continue
        for place, entry in state.steps.get(parent, {}).items():
            if not entry.record.done and entry.record.mode in MODES:
                _look(state, parent, entry.record, state.dependencies.get((parent, place), []))


def _look(
    state: State, parent: UUID, step: StepRecord, dependencies: list[DependencyEntry]
) -> None:
    halted = _HALTED if step.mode == "stop" and _any_failed(state, parent, step.place) else None
    for dependency in dependencies:
        if dependency.released:
            continue
        if halted is None and any(_unfinished(state, each) for each in dependency.needed):
            continue
        _open(state, dependency, halted or _broken(state, dependency))


def _any_failed(state: State, parent: UUID, place: str) -> bool:
    failed = state.jobs.in_state(JobState.CANCELLED, JobState.DISCARDED)
    return any(child.parent == (parent, place) for child in failed)


def _unfinished(state: State, job_id: UUID) -> bool:
    return job_id in state.jobs and not state.jobs.get(job_id).state.final


def _broken(state: State, dependency: DependencyEntry) -> str | None:
    """Why those that wait are skipped."""
    for each in dependency.needed[: dependency.strict]:
        word = state.jobs.get(each).state.value if each in state.jobs else "missing"
        if word != JobState.COMPLETED.value:
            return f"skipped: job {each}, which it comes after, is {word}"
    return None


def _open(state: State, dependency: DependencyEntry, skipped_for: str | None) -> None:
    now = state.clock.now()
    for each in dependency.waiting:
        job = state.jobs.get(each) if each in state.jobs else None
        if job is None or not _waits(job):
            continue
        if job.paused_at is not None and skipped_for is None:
            continue
        to = JobState.SCHEDULED if job.scheduled_at > now else JobState.AVAILABLE
        if skipped_for is not None:
            job.cancel_requested_at, job.cancel_reason = now, skipped_for
            to = JobState.CANCELLED
        state.jobs.move(job, to, now)
        state.announce(job)
        if skipped_for is not None and state.steps.get(job.id):
            state.board.notify("wake", str(job.id))
    dependency.released = not any(
        each in state.jobs and _waits(state.jobs.get(each)) for each in dependency.waiting
    )


def _waits(job: JobEntry) -> bool:
    """Whether it has not begun: one that has may be pending, too, and waits for its own."""
    return job.state is JobState.PENDING and job.attempted_at is None


def wait_again(state: State, children: Iterable[JobEntry]) -> None:
    """Of these, which a retry has made available, those that never began wait again."""
    ids = {child.id for child in children if child.attempted_at is None}
    for entries in state.dependencies.values() if ids else ():
        for index, dependency in enumerate(entries):
            again = ids.intersection(dependency.waiting)
            if again:
                entries[index] = attrs.evolve(dependency, released=False)
            for job_id in again:
                state.jobs.move(state.jobs.get(job_id), JobState.PENDING, state.clock.now())
