"""Processes that nobody should have left behind. Linux; elsewhere none are found.

What is orphaned below us becomes our child, and so can be found and ended when its time is over.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_LEAVE_SECONDS = 10.0  # for what ends by itself once its user has gone, as a database server does
_LOOK_SECONDS = 0.05


def adopt_orphans() -> None:
    """Become the parent of every process below us whose own parent ends. Raises OSError."""
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def wait_for(pid: int) -> int:
    """Wait for this child to end, and reap all others meanwhile; its exit status, or -signal."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def end_leftovers() -> list[str]:
    """Wait for all our descendants to end; kill those that do not, and describe them."""
    deadline = time.monotonic() + _LEAVE_SECONDS
    while _reap() and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    described: list[str] = []
    while _reap():  # what was killed leaves its own children to us
        for pid in _children():
            described.append(_describe(pid))
            os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK_SECONDS)
    return sorted(set(described))


def _reap() -> bool:
    """Reap what has ended; whether any child is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    return [
        int(status.parent.name)
        for status in Path("/proc").glob("[0-9]*/stat")
        if _parent(status) == os.getpid()
    ]


def _parent(status: Path) -> int | None:
    try:
        words = status.read_text().rpartition(")")[2].split()  # the name before may hold anything
    except (FileNotFoundError, ProcessLookupError):
        return None  # it has just ended
    return int(words[1])


def _describe(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return f"{pid}: {' '.join(word.decode(errors='replace') for word in words).strip()}"
