"""How much memory this process may use: the machine's, or its cgroup's limit."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MIB = 1024 * 1024
# Files of a limit in bytes: of cgroups of version 2, and 1.
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")


def usable_memory_mib(cgroup: Path = _CGROUP) -> float:
    """In MiB."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([whole, *(_bytes_in(cgroup / name) or whole for name in _LIMITS)]) / _MIB


def _bytes_in(path: Path) -> int | None:
    """None: there is no limit, or no such file."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
