"""Whether the jobs of nodes that could not renew their lease were given up in time. Pure."""

from __future__ import annotations

from collections.abc import Collection

from scripts.campaigns.checker import Violation
from scripts.campaigns.history import Fault, History


def slow_rescues(history: History, kinds: Collection[str], seconds: float) -> list[Violation]:
    """Runs that a fault of these kinds ended, and that were given up later than so long after."""
    faults: dict[int, Fault] = {
        pid: fault for fault in history.faults if fault.kind in kinds for pid in fault.pids
    }
    lost = {
        (row.job, each.run_number): each.at
        for row in history.rows
        for each in row.failures
        if each.error_class == "NodeLost"
    }
    found = []
    for run in history.runs:
        fault, at = faults.get(run.pid), lost.get((run.job, run.number))
        if fault is not None and at is not None and at - fault.at > seconds:
            text = f"run {run.number} was given up {at - fault.at:.1f} s after the {fault.kind}"
            found.append(Violation("recovery", run.job, text))
    return found
