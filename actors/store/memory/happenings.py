"""Of workflows that wait: what becomes of events, and what a snooze keeps asleep."""

from __future__ import annotations

from actors.store.memory.rows import JobEntry
from actors.store.memory.state import State
from runtime.workflow.history import SNOOZED


def is_snoozed(state: State, job: JobEntry) -> bool:
    """Whether its last run was snoozed, until a time that has not come."""
    entry = state.steps.get(job.id, {}).get(SNOOZED)
    if entry is None or entry.run_number != job.run_number or entry.until is None:
        return False
    return entry.until > state.clock.date(state.clock.now()).timestamp()


def prune(state: State, seconds: float, limit: int, term: int | None) -> int:
    """See Store.prune_events."""
    if not state.leads(term):
        return 0
    waited_for = {
        entry.record.name
        for steps in state.steps.values()
        for entry in steps.values()
        if entry.record.op == "event" and not entry.record.done
    }
    until = state.clock.now() - seconds
    old = sorted(
        (at, name)
        for name, at in state.happened_at.items()
        if at < until and name not in waited_for
    )[:limit]
    for _, name in old:
        del state.happenings[name], state.happened_at[name]
    return len(old)
