"""Start method "spawn": a fresh interpreter a child, which imports the app itself."""

from __future__ import annotations

import os
import signal

import msgspec

from runtime.child import kernel
from runtime.child.birth import Birth, ignore_signals
from runtime.child.launch import interpreter
from runtime.child.live import live
from runtime.child.loading import load_app
from runtime.child.orders import Setup
from runtime.child.page import anonymous_file


class Spawner:
    """The fork server's side. Keeps the Setup in a file without a path, for each child to read."""

    def __init__(self, setup: Setup) -> None:
        self._setup_fd = anonymous_file("headrace-setup")
        with open(self._setup_fd, "wb", closefd=False) as file:
            file.write(msgspec.json.encode(setup))

    def spawn(self, birth: Birth) -> int:
        """Start the process; return its pid. Raises OSError."""
        fds = (birth.socket_fd, birth.page_fd, birth.stack_fd, self._setup_fd)
        numbers = (birth.number, int(birth.is_async), *fds, birth.parent_pid)
        command = interpreter("runtime.child.spawning:main", *numbers)
        try:
            for fd in fds:
                os.set_inheritable(fd, True)
            # Not subprocess: the server reaps by itself, and there is no thread to race with.
            return os.posix_spawn(
                command[0], command, os.environ, setpgroup=0, setsigdef=[signal.SIGCHLD]
            )
        finally:
            for fd in fds:
                os.set_inheritable(fd, False)


def main(
    number: int,
    is_async: int,
    socket_fd: int,
    page_fd: int,
    stack_fd: int,
    setup_fd: int,
    parent_pid: int,
) -> None:
    """The child's side: import the app, then live as if forked."""
    kernel.die_with(parent_pid)
    ignore_signals()
    for fd in (socket_fd, page_fd, stack_fd, setup_fd):
        os.set_inheritable(fd, False)
    size = os.fstat(setup_fd).st_size
    setup = msgspec.json.decode(os.pread(setup_fd, size, 0), type=Setup)
    os.close(setup_fd)
    import sys

    sys.path[:] = setup.sys_path
    app = load_app(setup.import_path, setup.pickled)
    birth = Birth(number, bool(is_async), socket_fd, page_fd, stack_fd, parent_pid)
    live(birth, app, setup.settings)
