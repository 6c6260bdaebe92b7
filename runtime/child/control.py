"""The fork server's end of its tie to the node: lines and file descriptors in, lines out.

Rule: nothing here waits for the node, but for the first line.
"""

from __future__ import annotations

import collections
import contextlib
import os
import select
import socket

from runtime.child.orders import SPAWN_FDS, Order, Report, Setup, encode_line, order_lines

_READ_BYTES = 64 * 1024
# The kernel's own limit on descriptors in one message (SCM_MAX_FD).
_MAX_FDS = 253


class Control:
    """Owns the socket, what was read and not yet used, and what was said and not yet sent."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._lines = order_lines()
        self._orders: collections.deque[Order] = collections.deque()
        self._fds: collections.deque[int] = collections.deque()
        self._unsent = bytearray()
        self.closed = False  # the node has closed its end, or has ended

    def fileno(self) -> int:
        return self._socket.fileno()

    def wait_for_setup(self) -> Setup | None:
        """Wait for the first line. None if the node went away instead."""
        while not self._orders and not self.closed:
            select.select([self._socket], [], [])
            self.read()
        first = self.next_order()
        return first if isinstance(first, Setup) else None

    def read(self) -> None:
        """Take in what has arrived."""
        while not self.closed:
            try:
                data, fds, _flags, _address = socket.recv_fds(self._socket, _READ_BYTES, _MAX_FDS)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data, fds = b"", []
            for fd in fds:
                os.set_inheritable(fd, False)
            self._fds += fds
            self._orders += self._lines.feed(data)
            self.closed = not data

    def next_order(self) -> Order | None:
        """The oldest order that was not yet given out."""
        return self._orders.popleft() if self._orders else None

    def take_fds(self) -> list[int]:
        """The descriptors that came with the Spawn that was just given out."""
        return [self._fds.popleft() for _ in range(SPAWN_FDS)]

    def tell(self, report: Report) -> None:
        """Send a report, now or as soon as the node reads again."""
        self._unsent += encode_line(report)
        self.flush()

    @property
    def has_unsent(self) -> bool:
        """Whether something waits until the node reads again."""
        return bool(self._unsent)

    def flush(self) -> None:
        """Send as much as the node takes."""
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                self._send_some()

    def _send_some(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True
            sent = len(self._unsent)
        del self._unsent[:sent]

    def flush_for(self, seconds: float) -> None:
        """Send everything, or as much as the node takes within `seconds`."""
        while self._unsent:
            _, writable, _ = select.select([], [self._socket], [], seconds)
            if not writable:
                return
            self.flush()

    def close(self) -> None:
        """Close the socket and the descriptors that nobody took."""
        self._socket.close()
        while self._fds:
            os.close(self._fds.popleft())
