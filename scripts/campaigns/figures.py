"""The figures of a history: what is counted, and how long recovery took. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
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
    failed = {(row.job, each.run_number) for row in history.rows for each in row.failures}
    found["finished_reruns"] = sum(
        run.ended is not None and (run.job, run.number) in failed for run in history.runs
    )
    found["reruns"] = len(history.runs) - len({run.job for run in history.runs})
    if history.asynchronous_seconds:
        there = {row.job for row in history.rows}
        answered = {each.job for each in history.enqueues if each.answer == "ok"}
        found["undone_enqueues"] = len(answered - there)
    recoveries = _recoveries(history)
    found |= shares("recovery", [seconds for _, seconds in recoveries])
    for kind in sorted({fault.kind for fault, _ in recoveries}):
        seconds = [each for fault, each in recoveries if fault.kind == kind]
        found |= shares(f"recovery_{kind.replace(' ', '_')}", seconds)
    found |= _repeated(recoveries)
    return found


def shares(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile, by their names; {} of nothing."""
    return {f"{name}_p{share}_s": _percentile(seconds, share) for share in (50, 99) if seconds}


def _repeated(recoveries: Sequence[tuple[Fault, float]]) -> dict[str, float]:
    """How many runs one fault has cost."""
    counts = Counter(fault for fault, _ in recoveries)
    by_kind: dict[str, list[float]] = defaultdict(list)
    for fault, count in counts.items():
        by_kind[fault.kind].append(count)
    return {f"most_reruns_by_one_{kind.replace(' ', '_')}": max(n) for kind, n in by_kind.items()}


def _recoveries(history: History) -> list[tuple[Fault, float]]:
    """For each run that was lost: the fault that ended it, and how long after that its job could
    run again."""
    lost = {(row.job, each.run_number): each.at for row in history.rows for each in row.failures}
    by_pid: dict[int, Fault] = {pid: fault for fault in history.faults for pid in fault.pids}
    found = []
    for run in history.runs:
        fault = by_pid.get(run.pid) or _first_after(run, history.faults)
        if fault is not None and (run.job, run.number) in lost:
            seconds = lost[run.job, run.number] - _could_end_at(fault)
            found.append((fault, max(seconds, 0.0)))
    return found


def _could_end_at(fault: Fault) -> float:
    """Since when what it cost could be made good: while the database is away, nothing can."""
    return fault.until if fault.lapses and fault.until is not None else fault.at


def _first_after(run: Run, faults: Sequence[Fault]) -> Fault | None:
    """For a run whose process was not meant: the first fault that was not over at its begin."""
    return next((fault for fault in faults if (fault.until or fault.at) >= run.begun), None)


def _percentile(values: Sequence[float], share: int) -> float:
    """By the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]
