"""What was notified and not yet received: bounded, coalescing, and never silently incomplete.

A note that waits already is not put twice. A full mailbox drops what comes and holds LOST, BACK
as its last notes, so that whoever gets to them looks everywhere: dropping while they wait loses
nothing.
Trio side only; all methods are synchronous.
"""

from __future__ import annotations

from collections import deque

import trio

from actors.store.bridge.port import BACK, LOST, Note

# Notes that may wait. A wakeup a queue, and a cancel a running job: hundreds, not thousands.
CAPACITY = 1024
# Places at the end that are kept for LOST and BACK.
_RESERVE = 4


class Mailbox:
    """A bounded memory channel whose sending end coalesces."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._room = capacity
        self._send, self.receive = trio.open_memory_channel[Note](capacity + _RESERVE)
        self._waiting: deque[Note] = deque()  # a copy of what is in the channel, oldest first
        self._hints: set[Note] = set()  # those of them that are no LOST or BACK
        self._down = False  # whether the listening is down

    def put(self, channel: str, payload: str) -> None:
        """Put a note, unless it waits already."""
        self._forget_received()
        note = (channel, payload)
        if note in self._hints:
            return
        if len(self._waiting) < self._room:
            self._hints.add(note)
            self._append(note)
        elif not self._down and self._waiting[-1] != BACK:
            self._append(LOST)
            self._append(BACK)

    def set_down(self, down: bool) -> None:
        """Say whether the listening is down; put LOST or BACK if that is news."""
        self._forget_received()
        if down is self._down:
            return
        self._down = down
        last = self._waiting[-1] if self._waiting else None
        if down and len(self._waiting) + 2 <= self._room + _RESERVE:
            self._append(LOST)  # and there is room for its BACK
        elif not down and last != BACK:
            self._append(BACK)

    def close(self) -> None:
        """No more notes; the receiver gets those that wait, then the end."""
        self._send.close()

    def _append(self, note: Note) -> None:
        try:
            self._send.send_nowait(note)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return  # nobody will read it
        self._waiting.append(note)
        self._forget_received()

    def _forget_received(self) -> None:
        unread = self._send.statistics().current_buffer_used
        while len(self._waiting) > unread:
            self._hints.discard(self._waiting.popleft())
