"""Events that workflows wait for: pruned as prune_events.sql does it."""

from __future__ import annotations

from actors.store.memory.state import State


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
