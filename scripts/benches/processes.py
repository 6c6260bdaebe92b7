"""What processes have used: CPU time and memory, from /proc. Linux.

Source: proc(5). CPU time counts in ticks of 10 ms; that of a process which has ended is found at
its parent, once it was waited for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_KIB_A_MIB = 1024
# Positions behind the name of the process in /proc/PID/stat.
_PARENT, _USER, _SYSTEM, _WAITED_USER, _WAITED_SYSTEM = 1, 11, 12, 13, 14


@attrs.frozen
class Process:
    """One process, at the moment when it was looked at."""

    pid: int
    parent: int
    own_seconds: float
    waited_seconds: float  # of its children that have ended


def look(pid: int) -> Process | None:
    """A process; None if there is none any more."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    own = int(fields[_USER]) + int(fields[_SYSTEM])
    waited = int(fields[_WAITED_USER]) + int(fields[_WAITED_SYSTEM])
    return Process(pid, int(fields[_PARENT]), own * _TICK_SECONDS, waited * _TICK_SECONDS)


def children(pid: int) -> list[int]:
    """The processes whose parent this is, oldest first."""
    found = (look(int(folder.name)) for folder in Path("/proc").glob("[0-9]*"))
    return sorted(each.pid for each in found if each is not None and each.parent == pid)


def wakeups(pid: int) -> int:
    """How often its threads have been woken from a wait since they began."""
    found = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        found += int(lines["voluntary_ctxt_switches"])
    return found


def name_of(pid: int) -> str:
    """As `ps -o comm` shows it; "" if it is gone or nobody's."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def family_seconds(pid: int) -> float:
    """CPU time of a process and its children, also of those that have ended."""
    family = [look(pid), *map(look, children(pid))]
    parent = family[0]
    waited = 0.0 if parent is None else parent.waited_seconds
    return waited + sum(each.own_seconds for each in family if each is not None)


def memory_mib(pid: int) -> dict[str, float]:
    """`rss` and `pss` of a process; the second counts shared pages by the share."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in ("Rss", "Pss"):
            found[key.lower()] = int(value.split()[0]) / _KIB_A_MIB
    return found


@attrs.frozen
class Used:
    """CPU seconds by role: node, forkserver, children, postgres."""

    seconds: Mapping[str, float]

    def since(self, before: Used) -> dict[str, float]:
        """What was used between two looks."""
        return {role: value - before.seconds[role] for role, value in self.seconds.items()}


def used(nodes: Iterable[int], postmaster: int | None) -> Used:
    """CPU time of these nodes' processes and, if its pid is known here, of the database server."""
    total = {"node": 0.0, "forkserver": 0.0, "children": 0.0}
    for node in nodes:
        total["node"] += _own(node)
        for server in children(node):
            total["forkserver"] += _own(server)
            total["children"] += family_seconds(server) - _own(server)
    if postmaster is not None:
        total["postgres"] = family_seconds(postmaster)
    return Used(total)


def _own(pid: int) -> float:
    process = look(pid)
    return 0.0 if process is None else process.own_seconds
