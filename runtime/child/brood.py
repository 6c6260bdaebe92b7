"""The fork server's living children: who they are, how they are killed, how they ended.

Rule: a child that ended keeps its pid until it is reaped here, so a token's pid is its own. Each
child leads a process group, and what it started is killed with it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from typing import Literal

from runtime.child import kernel
from runtime.child.orders import Cause, Exited

_SIGNALS = {"ring": signal.SIGUSR1, "dump": signal.SIGUSR2}


class Brood:
    """Children by token."""

    def __init__(self) -> None:
        self._pids: dict[int, int] = {}
        self._causes: dict[int, Cause] = {}  # of those that we killed
        self._oom_kills = kernel.oom_kills()

    def add(self, token: int, pid: int) -> None:
        """Take in a new child."""
        self._pids[token] = pid

    def send(self, token: int, what: Literal["kill", "ring", "dump"]) -> None:
        """Send the signal, unless the child is gone already."""
        if token not in self._pids:
            return
        if what == "kill":
            self._kill(token, "kill")
        else:
            os.kill(self._pids[token], _SIGNALS[what])

    def kill_all(self, cause: Cause) -> None:
        """SIGKILL to all."""
        for token in self._pids:
            self._kill(token, cause)

    def _kill(self, token: int, cause: Cause) -> None:
        pid = self._pids[token]
        if not _has_ended(pid):  # else it was not our doing
            self._causes.setdefault(token, cause)
        os.kill(pid, signal.SIGKILL)
        _kill_group(pid)

    def reap(self) -> Iterator[Exited]:
        """Those that have ended since the last call."""
        for token, pid in list(self._pids.items()):
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            # One that has asked its parent to trace it is told of when it stops, too.
            if ended and not os.WIFSTOPPED(status):
                del self._pids[token]
                # Its pid stays taken while its group has members, so this can hit nobody else.
                _kill_group(pid)
                yield self._obituary(token, status, usage)

    def _obituary(self, token: int, status: int, usage: resource.struct_rusage) -> Exited:
        code = os.waitstatus_to_exitcode(status)
        killed_by = signal_name(-code) if code < 0 else None
        cause = self._causes.pop(token, None) or self._other_cause(killed_by)
        exit_status = None if killed_by else code
        cpu_seconds = usage.ru_utime + usage.ru_stime
        return Exited(token, exit_status, killed_by, usage.ru_maxrss, cause, cpu_seconds)

    def _other_cause(self, killed_by: str | None) -> Cause:
        if killed_by == "SIGKILL":
            before, self._oom_kills = self._oom_kills, kernel.oom_kills()
            return "oom" if self._oom_kills > before else "signal"
        return "signal" if killed_by else "exit"


def _has_ended(pid: int) -> bool:
    """Whether this child has, and was not reaped yet."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def signal_name(number: int) -> str:
    """Its name, such as "SIGKILL"; real-time signals by their number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
