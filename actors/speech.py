"""What a Worker says to its child: frames in order, one sender at a time.

Rules: an interrupt never waits for the child, which may not be reading: it is put down here, and
what finds no place is said again at the next ring. Where the child runs one handler at a time, the
run page says so too. Answers are put down as well; whoever takes questions of a child that does not
read its answers has to wait.
"""

from __future__ import annotations

import contextlib

import attrs
import trio

from actors.child import Child
from actors.kit.locks import at_once
from runtime import wire

# Interrupt frames that wait to be sent to one child.
WORDS = 256
# Bytes of answers that may wait: a child that has not read these asks no more.
ANSWER_BYTES = 8 * 1024 * 1024


@attrs.define(eq=False)
class Speech:
    """To one child. `run` sends what was put down with `interrupt` and `say`."""

    child: Child
    is_async: bool
    _sending: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _put: trio.MemorySendChannel[wire.Interrupt] = attrs.field(init=False)
    _words: trio.MemoryReceiveChannel[wire.Interrupt] = attrs.field(init=False)
    _answers: bytearray = attrs.field(factory=bytearray, init=False)
    _put_down: trio.Event = attrs.field(factory=trio.Event, init=False)  # an answer
    _said: trio.Event = attrs.field(factory=trio.Event, init=False)  # answers

    def __attrs_post_init__(self) -> None:
        self._put, self._words = trio.open_memory_channel(WORDS)

    async def run(self) -> None:
        """A task of its own, for the child may be long in reading."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._interrupt)
            await self._answer()

    async def _interrupt(self) -> None:
        async for frame in self._words:
            if await self.send(wire.encode(frame)):
                self.child.ring()

    async def _answer(self) -> None:
        while True:
            while not self._answers:
                self._put_down = trio.Event()
                await self._put_down.wait()
            await self.send(b"")
            self._said.set()
            self._said = trio.Event()

    async def send(self, data: bytes) -> bool:
        """Send to the child, after the answers that wait; False if it is gone."""
        try:
            async with at_once(self._sending):
                if self._answers:  # first: the rest of one may be among them
                    data, self._answers = bytes(self._answers) + data, bytearray()
                await self.child.send(data)
        except trio.BrokenResourceError:
            return False
        return True

    def interrupt(self, frame: wire.Interrupt) -> None:
        """Have this sent, followed by a ring."""
        if not self.is_async and frame.seq == self.child.page.begun_seq:
            self.child.page.tell(frame.seq, frame.reason)
        with contextlib.suppress(trio.WouldBlock):
            self._put.send_nowait(frame)

    def say(self, answers: bytes) -> None:
        """Have these frames sent; now, if nothing else is being sent."""
        if not (self._answers or self._sending.locked()):
            answers = answers[self.child.send_now(answers) :]
        if answers:
            self._answers += answers
            self._put_down.set()

    @property
    def full(self) -> bool:
        """Whether too many answers wait."""
        return len(self._answers) > ANSWER_BYTES

    async def wait_room(self) -> None:
        """Wait while they do."""
        while self.full:
            await self._said.wait()
