"""Signals and events of a MemoryStore, as their statements do them."""

from __future__ import annotations

from uuid import UUID

from actors.store.memory.state import State
from runtime.ids import uuid7
from runtime.workflow.records import SignalRow

_MOST_SIGNALS = 500
_MOST_SIGNAL_BYTES = 1024 * 1024


def untaken(state: State, job_id: UUID) -> tuple[SignalRow, ...]:
    """As the part `untaken_signals`."""
    entries = state.steps.get(job_id, {}).values()
    awaited = {
        each.record.name for each in entries if not each.record.done and each.record.op == "signal"
    }
    told: list[SignalRow] = []
    size = 0
    for nth, (signal_id, (name, value)) in enumerate(state.signals.get(job_id, {}).items()):
        size += len(value.encode())
        if (nth < _MOST_SIGNALS and size <= _MOST_SIGNAL_BYTES) or name in awaited:
            told.append(SignalRow(signal_id.bytes, name, value))
            awaited.discard(name)
    return tuple(told)


def send_signal(state: State, job_id: UUID, name: str, value: str, signal_id: UUID | None) -> str:
    """As the SQL function of this name. Raises: JobNotFound."""
    job = state.jobs.get(job_id)
    signal_id = signal_id or uuid7()
    if signal_id in state.signals_sent:
        return "known"
    if job.state.final:
        return job.state.value
    state.signals_sent.add(signal_id)
    state.signals.setdefault(job_id, {})[signal_id] = (name, value)
    state.board.notify("wake", str(job_id))
    return "sent"


def emit_event(state: State, name: str, value: str) -> bool:
    """As the SQL function of this name."""
    if name in state.happenings:
        return False
    state.happenings[name] = value
    state.happened_at[name] = state.clock.now()
    state.board.notify("wake", f"event:{name}")
    return True
