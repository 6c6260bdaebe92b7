"""What only the kernel can do for a process. Linux; elsewhere these do nothing.

Source: prctl(2). Trap: PR_SET_PDEATHSIG fires when the *thread* that made the process ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
# Half-way to "kill me first": the kernel shoots a child before the node, its database or sshd.
_OOM_SCORE = 500

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_LINUX = sys.platform == "linux"


def _prctl(option: int, value: int | bytes) -> None:
    if not _LINUX:
        return
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def die_with(parent_pid: int) -> None:
    """Have the kernel SIGKILL this process when its parent ends; end now if that has happened."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(0)


def name_process(name: str) -> None:
    """Show this process as `name` (15 characters at most) in `ps -o comm` and `top`."""
    _prctl(_PR_SET_NAME, name.encode()[:15])


def prefer_as_oom_victim() -> None:
    """Have the kernel choose this process first when memory runs out."""
    # Where there is no such file, or /proc may not be written, the kernel chooses by size alone.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory, on this machine, so far."""
    try:
        counts = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    except OSError:
        return 0
    return int(counts.get("oom_kill", 0))


def resident_kib() -> int:
    """This process's resident memory, now; without /proc, at its highest. In KiB."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read().split()[1]) * _PAGE_KIB
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if _LINUX else peak // 1024  # macOS counts bytes


def usable_cpus() -> list[int]:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
