"""How many cores this process may use: by its affinity, and by its cgroup's CPU quota."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """At least 1. A quota of 1.5 cores counts as 2: a share of a core still runs handlers."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:  # macOS has no affinity
        allowed = os.cpu_count() or 1
    quota = _quota(cgroup)
    return allowed if quota is None else max(1, min(allowed, quota))


def _quota(cgroup: Path) -> int | None:
    """The cgroup's quota in whole cores, rounded up; None if there is none (v2, then v1)."""
    words = _words(cgroup / "cpu.max")
    if not words:
        words = _words(cgroup / "cpu" / "cpu.cfs_quota_us") + _words(
            cgroup / "cpu" / "cpu.cfs_period_us"
        )
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None  # "max", or -1, or no such file
    quota, period = map(int, words)
    return -(-quota // period) if quota and period else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
