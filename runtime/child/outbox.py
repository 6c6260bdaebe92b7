"""What a child for async handlers has to say, and its Worker has not yet read.

Rules: bounded by the runs that the Worker has handed over, for each of them says two things, and
ten times a second at most what else it has to tell. All but `post` is for the loop's own thread.
"""

from __future__ import annotations

import asyncio
import collections
import socket

from runtime import wire


class Outbox:
    """Sends frames in order, now or as soon as the Worker reads again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self._loop = loop
        self._socket = sock
        self._unsent = bytearray()
        self._posted: collections.deque[wire.Frame] = collections.deque()

    def post(self, frame: wire.Frame) -> None:
        """Have it sent by the next `send_posted`. From any thread."""
        self._posted.append(frame)

    def send_posted(self) -> None:
        """Send what was posted."""
        while self._posted:
            self.send(self._posted.popleft())

    def send(self, frame: wire.Frame) -> None:
        """Send the frame, or keep it until it can be sent."""
        waiting = bool(self._unsent)
        self._unsent += wire.encode(frame)
        if not waiting:
            self._flush()
            if self._unsent:
                self._loop.add_writer(self._socket, self._flush)

    def _flush(self) -> None:
        try:
            sent = self._socket.send(self._unsent, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)  # the Worker is gone, which the reading side will learn
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._socket)
