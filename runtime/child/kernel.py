"""What only the kernel can do for a process. Linux; elsewhere these do nothing.

Source: prctl(2). Trap: PR_SET_PDEATHSIG fires when the *thread* that made the process ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
# Half-way to "kill me first": the kernel shoots a child before the node, its database or sshd.
_OOM_SCORE = 500

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
    if not _LINUX:
        return
    fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    try:
        os.write(fd, b"%d" % _OOM_SCORE)
    finally:
        os.close(fd)


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory, on this machine, so far."""
    if not _LINUX:
        return 0
    with open("/proc/vmstat", "rb") as file:
        counts = dict(line.split() for line in file)
    return int(counts.get(b"oom_kill", 0))


def resident_kib() -> int:
    """This process's resident memory, now (Linux) or at its highest (elsewhere), in KiB."""
    if not _LINUX:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # macOS: bytes
    with open("/proc/self/statm", "rb", buffering=0) as file:
        return int(file.read().split()[1]) * _PAGE_KIB


_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def usable_cpus() -> list[int]:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
