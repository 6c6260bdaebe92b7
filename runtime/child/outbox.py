"""What a child for async handlers has to say, and its Worker has not yet read.

Rules: bounded by the runs that the Worker has handed over, for each of them says two things, ten
times a second at most what else it has to tell, and asks little before it is answered. What is said
in one round of the loop goes in one piece, at its end: each piece wakes the Worker. All but `post`
is for the loop's own thread.
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
        self._due = False  # it will be sent at the end of this round
        self._writing = False  # the Worker is slow in reading
        self._posted: collections.deque[wire.Frame] = collections.deque()

    def post(self, frame: wire.Frame) -> None:
        """Have it sent by the next `send_posted`. From any thread."""
        self._posted.append(frame)

    def send_posted(self) -> None:
        """Send what was posted."""
        while self._posted:
            self.send(self._posted.popleft())

    def send(self, frame: wire.Frame) -> None:
        """Have the frame sent at the end of this round, or as soon as it can be."""
        self._unsent += wire.encode(frame)
        if not (self._due or self._writing):
            self._due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._due = False
        try:
            sent = self._socket.send(self._unsent, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(self._unsent)  # the Worker is gone, which the reading side will learn
        del self._unsent[:sent]
        if bool(self._unsent) != self._writing:
            self._wait_for_room(bool(self._unsent))

    def _wait_for_room(self, wanted: bool) -> None:
        self._writing = wanted
        if wanted:
            self._loop.add_writer(self._socket, self._flush)
        else:
            self._loop.remove_writer(self._socket)
