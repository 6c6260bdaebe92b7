"""The figures of a history: what is counted, and how long recovery took. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from scripts.campaigns.checker import KINDS, Violation
from scripts.campaigns.history import Fault, History, Run


def figures(history: History, violations: Sequence[Violation]) -> dict[str, float]:
    """By name."""
    found: dict[str, float] = {
        "jobs": len({each.job for each in history.enqueues}),
        "unknown_enqueues": sum(each.answer == "unknown" for each in history.enqueues),
        "faults": len(history.faults),
    }
    for kind, count in sorted(Counter(fault.kind for fault in history.faults).items()):
        found[f"faults_{kind.replace(' ', '_')}"] = count
    broken = Counter(each.kind for each in violations)
    found |= {kind: broken[kind] for kind in KINDS}
    found["reruns"] = len(history.runs) - len({run.job for run in history.runs})
    if recoveries := _recoveries(history):
        found |= {f"recovery_p{share}_s": _percentile(recoveries, share) for share in (50, 99)}
    return found


def _recoveries(history: History) -> list[float]:
    """For each run that was lost: from the fault that ended it until its job could run again."""
    lost = {(row.job, each.run_number): each.at for row in history.rows for each in row.failures}
    by_pid: dict[int, Fault] = {pid: fault for fault in history.faults for pid in fault.pids}
    return [
        lost[run.job, run.number] - _ended_by(run, history.faults, by_pid)
        for run in history.runs
        if (run.job, run.number) in lost
    ]


def _ended_by(run: Run, faults: Sequence[Fault], by_pid: dict[int, Fault]) -> float:
    """When the fault was made: the one to its process, else the first one after its begin."""
    if run.pid in by_pid:
        return by_pid[run.pid].at
    return next((fault.at for fault in faults if fault.at >= run.begun), run.begun)


def _percentile(values: Sequence[float], share: int) -> float:
    """By the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]
