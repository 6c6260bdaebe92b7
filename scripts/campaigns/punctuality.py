"""How far clocks were off, and how late jobs began, from what was left behind. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from scripts.campaigns.history import Run

_STAMP = re.compile(r"^(\d\d):(\d\d):(\d\d)", re.MULTILINE)
_HOUR, _MINUTE, _DAY = 3600, 60, 86_400
_NANO = 1_000_000_000


def log_shift(text: str, now: datetime) -> float | None:
    """By how many seconds the last line of a log, that was just written, is ahead of `now`.

    Between half a day behind and half a day ahead: its stamp says no day. None: no line has one.
    """
    stamps = _STAMP.findall(text)
    if not stamps:
        return None
    hours, minutes, seconds = map(int, stamps[-1])
    stamp = hours * _HOUR + minutes * _MINUTE + seconds
    ours = now.hour * _HOUR + now.minute * _MINUTE + now.second
    return float((stamp - ours + _DAY // 2) % _DAY - _DAY // 2)


def farthest(text: str, difference: float) -> tuple[float, float]:
    """How many seconds handlers were ahead, at least and at most, as their lines say.

    Args: difference: of the true time of day and the monotonic clock, which each line has too.
    """
    lines = (line.split() for line in text.splitlines() if line)
    ahead = [float(seen) - int(at_ns) / _NANO - difference for at_ns, _, seen in lines]
    return min(ahead, default=0.0), max(ahead, default=0.0)


def delays(runs: Iterable[Run], due: Mapping[UUID, float]) -> dict[UUID, float]:
    """How long after its time each of these jobs began, in its first run that began; in seconds."""
    begun: dict[UUID, float] = {}
    for run in runs:
        if run.job in due:
            begun[run.job] = min(run.begun, begun.get(run.job, run.begun))
    return {job: at - due[job] for job, at in begun.items()}
