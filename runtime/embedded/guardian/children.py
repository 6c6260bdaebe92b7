"""Processes of the guardian: started as the chosen identity, tied to the guardian's life, reaped.

The guardian is single-threaded and small, so it forks and changes the child itself before exec.
"""

import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from runtime.embedded.guardian.identity import Identity

_EXEC_FAILED = 127
_RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)


class Child:
    """A started process; `status` is its exit code (negative: signal) once it was reaped."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        if self.status is None:
            reap(self)
        return self.status is None

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens if it has ended."""
        if self.running:
            os.kill(self.pid, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to it and the processes of its group."""
        if self.running:
            os.killpg(self.pid, number)


def reap(child: Child) -> None:
    """Note the child's end, if it has ended."""
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid == child.pid:
        child.status = os.waitstatus_to_exitcode(status)


def reap_orphans(ours: Child | None) -> None:
    """Reap whatever has ended: grandchildren come to us when their parent was killed."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if ours is not None and pid == ours.pid:
            ours.status = os.waitstatus_to_exitcode(status)


def spawn(
    command: Sequence[str], identity: Identity, environment: Mapping[str, str], death_signal: int
) -> Child:
    """Start a command as `identity` in a process group of its own.

    It gets `death_signal` when the guardian ends. Its output goes where the guardian's goes.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _run(command, identity, environment, death_signal, parent)
    _lead_group(pid)
    return Child(pid)


def _lead_group(pid: int) -> None:
    """Give the child its process group, which it does too: whoever comes first."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError) as error:
        if error.errno not in {errno.EACCES, errno.ESRCH}:  # it runs its program, or has ended
            raise


def _run(
    command: Sequence[str],
    identity: Identity,
    environment: Mapping[str, str],
    death_signal: int,
    parent: int,
) -> NoReturn:
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        identity.enter()
        if sys.platform == "linux":
            from runtime.embedded.guardian import linux

            linux.die_with_parent(death_signal, parent)
        os.execve(command[0], list(command), dict(environment))
    except OSError as error:
        os.write(2, f"headrace: cannot run {command[0]}: {error}\n".encode())
    finally:
        os._exit(_EXEC_FAILED)
