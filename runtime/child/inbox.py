"""What a Worker has sent and its child has not yet answered: runs in order, interrupts by run."""

from __future__ import annotations

import collections
import socket
from collections.abc import Callable

from runtime.errors import (
    CpuTimeout,
    Expired,
    Interrupted,
    JobCancelled,
    JobTimeout,
    RunStopped,
)
from runtime.wire import Answered, Decoder, Interrupt, Run, WireError

# One read takes this much: dozens of small runs.
_READ_BYTES = 256 * 1024

_ERRORS: dict[str, type[Interrupted]] = {
    "timeout": JobTimeout,
    "cpu": CpuTimeout,
    "expired": Expired,
    "cancel": JobCancelled,
    "stop": RunStopped,
}


class Inbox:
    """Reads the child's socket. Not to be used from within itself (see SyncLoop's bell).

    `answered` takes what a workflow's run is answered.
    """

    def __init__(self, sock: socket.socket, answered: Callable[[Answered], None]) -> None:
        self._socket = sock
        self._answered = answered
        self._decoder = Decoder()
        self.runs: collections.deque[Run] = collections.deque()
        self.interrupts: dict[int, Interrupt] = {}
        self.news: list[int] = []  # runs that interrupts came for, each time one came
        self.paused: set[int] = set()  # runs of workflows that are to end at their next operation
        self.closed = False

    def wait(self) -> None:
        """Wait until something came, and take it in. At the stream's end, set `closed`."""
        self._take(self._socket.recv(_READ_BYTES))

    def poll(self) -> None:
        """Take in what has come."""
        while not self.closed:
            try:
                data = self._socket.recv(_READ_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        if not data:
            self.closed = True
        for frame in self._decoder.feed(data):
            if isinstance(frame, Run):
                self.runs.append(frame)
            elif isinstance(frame, Interrupt) and frame.reason == "pause":
                self.paused.add(frame.seq)
            elif isinstance(frame, Interrupt):
                self.interrupts[frame.seq] = frame
                self.news.append(frame.seq)
            elif isinstance(frame, Answered):
                self._answered(frame)
            else:
                raise WireError(f"a Worker does not send {type(frame).__name__}")

    def interruption(self, seq: int) -> Interrupted | None:
        """What is to be raised in run `seq`, if it was interrupted."""
        frame = self.interrupts.get(seq)
        return None if frame is None else _ERRORS[frame.reason](frame.message)

    def forget(self, seq: int) -> None:
        """Drop interrupts of runs up to `seq`: they came too late."""
        self.news.clear()
        for late in [number for number in self.interrupts if number <= seq]:
            del self.interrupts[late]
