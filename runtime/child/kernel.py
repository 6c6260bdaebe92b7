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
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_CPUCLOCK_SCHED = 2
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
    """How many processes the kernel has killed for want of memory so far.

    Of our control group, where that is told, else on this machine.
    """
    for path in (_cgroup() / "memory.events", Path("/proc/vmstat")):
        with contextlib.suppress(OSError, ValueError):
            counts = dict(line.split() for line in path.read_text().splitlines())
            if "oom_kill" in counts:
                return int(counts["oom_kill"])
    return 0


def _cgroup() -> Path:
    """The directory of our control group, version 2; one that does not exist, if we have none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                return Path("/sys/fs/cgroup") / line[3:].lstrip("/")
    return Path("/sys/fs/cgroup/none")


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


def widen() -> set[int] | None:
    """Let this process use all cores of its parent. Returns its own, if it was bound to fewer."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    own, all_ = os.sched_getaffinity(0), os.sched_getaffinity(os.getppid())
    if own == all_:
        return None
    bind(all_)
    return own


def bind(cpus: set[int]) -> None:
    """Bind this process to these cores, where the system can do that and lets it."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, cpus)


def peak_kib() -> int:
    """The most memory that was ever resident in this process, or since `reset_peak`. In KiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if _LINUX else peak // 1024  # macOS counts bytes


def reset_peak() -> bool:
    """Have `peak_kib` count from now on; False where the kernel cannot (proc(5), clear_refs)."""
    try:
        with open("/proc/self/clear_refs", "wb", buffering=0) as file:
            file.write(b"5")
    except OSError:
        return False
    return True


def cpu_ns_of(pid: int) -> int | None:
    """CPU time of a process so far, by its own clock; None if that cannot be read (any more)."""
    try:
        # clock_getcpuclockid(3): the process's number, complemented, above the sort of clock.
        return time.clock_gettime_ns(~pid << 3 | _CPUCLOCK_SCHED)
    except OSError:
        return None


def resident_kib_of(pid: int) -> int | None:
    """Resident memory of a process, in KiB; None if that cannot be read (any more)."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
            return int(file.read().split()[1]) * _PAGE_KIB
    except (OSError, IndexError):
        return None
