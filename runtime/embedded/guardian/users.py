"""Who uses the server: the connections, what they ask, and the guardian's only place to wait.

A user is gone when its connection is closed or its process has ended; the process is watched too
because a forked child of the user may hold a copy of the connection.
"""

import os
import selectors
import signal
import socket
import struct
import time
from pathlib import Path
from typing import Any

from runtime.embedded.guardian import plan

_LINE_LIMIT = 4096
"""Bytes; users say only `ENSURE`."""


class NobodyLeft(Exception):
    """The last user is gone: time to stop."""


class Dismissed(Exception):
    """SIGQUIT: stop now, in spite of the users."""


class _User:
    def __init__(self, connection: socket.socket, process: int | None) -> None:
        self.connection = connection
        self.process = process
        self.waiting = True
        self.unread = b""


class Users:
    """The connections of all users, beginning with the one that started this guardian."""

    def __init__(self, first: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._users: list[_User] = []
        self._listener: socket.socket | None = None
        self._last: socket.socket | None = None
        self._dismissed = False
        self._wakeup = self._install_signals()
        self._add(first)

    def listen(self, path: Path) -> None:
        """Let others join at this socket."""
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(64)
        listener.setblocking(False)
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def stop_listening(self) -> None:
        """Refuse further users; they'll start the next guardian."""
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def part(self) -> None:
        """Tell the last user, who may be waiting for it, that all is done."""
        if self._last is not None:
            try:
                self._last.sendall(plan.ENDED)
            except OSError:
                self._last = None  # it didn't wait

    def watch(self, timeout: float | None = None) -> None:
        """Wait for news (a user, a signal such as SIGCHLD) for at most `timeout` seconds.

        Raises NobodyLeft or Dismissed.
        """
        for key, _ in self._selector.select(timeout):
            key.data()
        if self._dismissed:
            raise Dismissed
        if not self._users and not self._accept():
            raise NobodyLeft

    def pause(self, seconds: float) -> None:
        """Watch for a length of time, whatever news come."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.watch(left)

    def welcome(self, ready: plan.Ready) -> None:
        """Tell everybody who waits that the server is ready."""
        self._answer({"ready": ready._asdict()})

    def refuse(self, reason: str) -> None:
        """Tell everybody who waits that it can't be had."""
        self._answer({"failed": reason})

    def _answer(self, message: dict[str, Any]) -> None:
        for user in [user for user in self._users if user.waiting]:
            user.waiting = False
            try:
                user.connection.sendall(plan.encode(message))
            except OSError:
                self._remove(user)

    def _accept(self) -> bool:
        if self._listener is None:
            return False
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        self._add(connection)
        return True

    def _add(self, connection: socket.socket) -> None:
        if self._last is not None:
            self._last.close()
            self._last = None
        connection.setblocking(False)
        user = _User(connection, _process_of(connection))
        self._users.append(user)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(user))
        if user.process is not None:
            self._selector.register(user.process, selectors.EVENT_READ, lambda: self._remove(user))

    def _remove(self, user: _User) -> None:
        if user not in self._users:
            return
        self._users.remove(user)
        self._selector.unregister(user.connection)
        if user.process is not None:
            self._selector.unregister(user.process)
            os.close(user.process)
        if self._users:
            user.connection.close()
        else:
            self._last = user.connection  # left open: its user may wait for our end

    def _read(self, user: _User) -> None:
        try:
            data = user.connection.recv(_LINE_LIMIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._remove(user)
            return
        *lines, user.unread = (user.unread + data).split(b"\n")
        if any(line + b"\n" == plan.ENSURE for line in lines):
            user.waiting = True

    def _install_signals(self) -> socket.socket:
        theirs, ours = socket.socketpair()
        theirs.setblocking(False)
        ours.setblocking(False)
        signal.set_wakeup_fd(ours.fileno(), warn_on_full_buffer=False)
        self._keep = ours
        signal.pthread_sigmask(signal.SIG_SETMASK, [])  # what our starter had blocked
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGQUIT, self._dismiss)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._selector.register(theirs, selectors.EVENT_READ, lambda: theirs.recv(4096))
        return theirs

    def _dismiss(self, *_: object) -> None:
        self._dismissed = True


def _process_of(connection: socket.socket) -> int | None:
    """A pidfd of the process at the other end, where the system has such things."""
    if not hasattr(os, "pidfd_open"):
        return None
    size = struct.calcsize("3i")
    pid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
