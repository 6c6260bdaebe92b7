"""Workflows of a MemoryStore that go on from where they failed, as their SQL functions do it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import attrs
import msgspec

from actors.store.memory import endings, graphs
from actors.store.memory.rows import JobEntry
from actors.store.memory.state import State
from runtime.lifecycle import JobState
from runtime.workflow.records import StepRecord

_FAILED = (JobState.CANCELLED, JobState.DISCARDED)


def forget_failures(state: State, job_id: UUID) -> None:
    """As the SQL function of this name: a workflow goes on from where it failed."""
    steps = state.steps.get(job_id, {})
    places = [place for place, entry in steps.items() if _has_failed(entry.record)]
    for place in [place for place in places if not _is_followed(steps, place)]:
        entry = steps.pop(place)
        if state.children(job_id, place):
            opened = msgspec.structs.replace(entry.record, done=False, error=None)
            steps[place] = attrs.evolve(entry, record=opened)
    for place, entry in steps.items():
        children = [] if entry.record.done else state.children(job_id, place)
        failed = [each for each in children if each.state in _FAILED]
        for child in failed:
            _try_again(state, child, held=entry.record.max_in_flight is not None)
        if entry.record.mode in graphs.MODES:
            graphs.wait_again(state, failed)
    endings.watch_again(state, job_id)


def _has_failed(step: StepRecord) -> bool:
    return step.done and step.error is not None


def _is_followed(steps: Iterable[str], place: str) -> bool:
    parts = place.split(".")
    for level in range(len(parts), 0, -2):
        prefix = "".join(f"{part}." for part in parts[: level - 1])
        known = [each[len(prefix) :] for each in steps if each.startswith(prefix)]
        if any(int(each.partition(".")[0]) > int(parts[level - 1]) for each in known):
            return True
    return False


def _try_again(state: State, child: JobEntry, *, held: bool = False) -> None:
    now = state.clock.now()
    child.output = child.cancel_requested_at = child.cancel_reason = None
    child.paused_at = child.paused_from = child.expired_at = None
    child.crashes = 0
    if child.expires_at is not None and child.expires_at <= now:
        child.expires_at = None
    child.max_attempts = max(child.max_attempts, child.attempt + 1)
    child.held_again = held and child.run_number > 0 and not child.new.sequence
    state.jobs.move(child, JobState.PENDING if held else JobState.AVAILABLE, now)
    state.announce(child)
    forget_failures(state, child.id)
