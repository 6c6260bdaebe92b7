"""Answers that a plain workflow's run waits for, and the bell that wakes the main thread.

Rules: the main thread alone reads the socket, in `SyncLoop.read_on` for itself, and in `attend` for
the threads of a gather, which wait for what it hands them. After a run nobody waits, and late
answers are dropped.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from typing import Protocol

from runtime import wire
from runtime.errors import RunStopped
from runtime.workflow.records import Answer


class Attendant(Protocol):
    """The loop."""

    @property
    def reads(self) -> bool:
        """Whether this is the thread that reads the socket."""

    def read_on(self) -> None:
        """In the main thread: wait until something has come, and act on it."""


class Slot:
    """The ticket for one ask. The thread that reads may wait for it, and the one that asked."""

    __slots__ = ("_answer", "_attendant", "_come", "_filled")

    def __init__(self, attendant: Attendant) -> None:
        self._attendant = attendant
        self._come = None if attendant.reads else threading.Event()
        self._filled = False
        self._answer: Answer | None = None

    def fill(self, answer: Answer | None) -> None:
        """With the answer, or None: none will come."""
        self._answer = answer
        self._filled = True
        if self._come is not None:
            self._come.set()

    def wait(self) -> Answer:
        """The answer. Raises: what interrupts the run."""
        if self._come is not None and not self._attendant.reads:
            self._come.wait()
        while not self._filled:
            self._attendant.read_on()
        if self._answer is None:
            raise RunStopped("the node is gone")
        return self._answer


class Answers:
    """Slots of the run that goes on, by number."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._slots: dict[tuple[int, int], Slot] = {}
        self._bell: tuple[int, int] | None = None
        self._napping = False

    def expect(self, frame: wire.Asked, slot: Slot) -> None:
        """Before it is sent."""
        self._slots[frame.seq, frame.number] = slot

    def take(self, frame: wire.Answered) -> None:
        """An answer has come."""
        slot = self._slots.pop((frame.seq, frame.number), None)
        if slot is not None:
            slot.fill(frame.answer)
            if self._napping:  # a ring has read it: the nap is not over by itself
                self.ring()

    def give_up(self) -> None:
        """No more will come."""
        while self._slots:
            self._slots.popitem()[1].fill(None)

    def forget(self) -> None:
        """The run has ended."""
        self._slots.clear()

    def nap(self, *, deaf: bool) -> None:
        """Until something has come, or the bell rings. `deaf`: nothing will come."""
        bell = self._bell or self._hang()
        self._napping = True
        try:
            sources = [bell[0]] if deaf else [self._socket.fileno(), bell[0]]
            readable, _, _ = select.select(sources, [], [])
        finally:
            self._napping = False
        if bell[0] in readable:
            os.read(bell[0], 4096)

    def ring(self) -> None:
        """Wake who naps."""
        os.write((self._bell or self._hang())[1], b"!")

    def _hang(self) -> tuple[int, int]:
        self._bell = os.pipe()
        for end in self._bell:
            os.set_blocking(end, False)
        return self._bell
