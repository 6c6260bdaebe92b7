"""Plays the Worker: hands runs to a real child, reads its frames, waits with a bound."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import trio

from actors.child import Child
from actors.forkserver import ForkServer
from actors.kit.life import Life
from runtime import wire
from runtime.child.orders import AppSource
from runtime.child.settings import ChildSettings
from runtime.outcome import Outcome
from runtime.workflow.records import Answer

APP = "tests.child.apps:app"
JOB_ID = UUID("018f0000-0000-7000-8000-000000000001")
# Everything here takes milliseconds; on a busy machine it may take a hundred times as long.
BOUND_SECONDS = 30.0


@asynccontextmanager
async def serving(
    app: AppSource = APP,
    settings: ChildSettings = ChildSettings(),  # noqa: B008 - frozen
) -> AsyncIterator[ForkServer]:
    """A running fork server; stopped at the end, as a supervisor would."""
    life = Life("forkserver")
    server = ForkServer(app, settings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run, life)
        try:
            yield server
        finally:
            life.ask_to_stop()


@asynccontextmanager
async def child_of(
    server: ForkServer, number: int = 0, *, is_async: bool = False
) -> AsyncIterator[Steered]:
    """A child, closed at the end."""
    with trio.fail_after(BOUND_SECONDS):
        child = await server.spawn(number, is_async=is_async)
    try:
        yield Steered(child)
    finally:
        await child.close()


@asynccontextmanager
async def one_child(
    settings: ChildSettings = ChildSettings(),  # noqa: B008 - frozen
    *,
    is_async: bool = False,
) -> AsyncIterator[Steered]:
    """A child of a fork server of its own."""
    async with serving(settings=settings) as server, child_of(server, is_async=is_async) as child:
        yield child


class Steered:
    """A child, and what has been said to it and by it."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.last_seq = 0
        self.started: list[int] = []
        self.done: dict[int, wire.Done] = {}
        self.noted: list[wire.Noted] = []
        self.asked: list[wire.Asked] = []
        self._decoder = wire.Decoder()

    def frame(self, kind: str, **args: Any) -> wire.Run:
        """The next run."""
        self.last_seq += 1
        return wire.Run(
            seq=self.last_seq,
            epoch=self.child.page.epoch,
            id=JOB_ID.bytes,
            run_number=self.last_seq + 100,
            kind=kind,
            queue="default",
            args=json.dumps(args),
            attempt=2,
            max_attempts=25,
            metadata='{"trace": "t-1"}',
        )

    async def hand(self, kind: str, **args: Any) -> int:
        """Hand a run over; returns its seq."""
        frame = self.frame(kind, **args)
        await self.child.send(wire.encode(frame))
        return frame.seq

    async def read(self) -> bool:
        """Read some frames. False when the child has closed its end."""
        data = await self.child.receive()
        for frame in self._decoder.feed(data):
            if isinstance(frame, wire.Done):
                assert frame.seq not in self.done, "a run was answered twice"
                self.done[frame.seq] = frame
            elif isinstance(frame, wire.Started):
                self.started.append(frame.seq)
            elif isinstance(frame, wire.Noted):
                assert frame.seq not in self.done, "told after its end"
                self.noted.append(frame)
            elif isinstance(frame, wire.Asked):
                assert frame.seq not in self.done, "asked after its end"
                self.asked.append(frame)
            else:
                raise AssertionError(f"a child sent {frame}")
        return bool(data)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Read frames all the while, as a Worker does."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            yield
            nursery.cancel_scope.cancel()

    async def _listen(self) -> None:
        while await self.read():
            continue

    async def answer(self, seq: int) -> Outcome:
        """Wait for the outcome of run `seq`."""
        with trio.fail_after(BOUND_SECONDS):
            while seq not in self.done:
                assert await self.read(), f"the child ended: {self.child.last_stack()}"
        return self.done[seq].outcome

    async def next_ask(self) -> wire.Asked:
        """Wait for an ask, and take it."""
        with trio.fail_after(BOUND_SECONDS):
            while not self.asked:
                assert await self.read(), f"the child ended: {self.child.last_stack()}"
        return self.asked.pop(0)

    async def tell(self, ask: wire.Asked, answer: Answer) -> None:
        """Answer an ask."""
        await self.child.send(wire.encode(wire.Answered(ask.seq, ask.number, answer)))

    async def ended(self, seq: int) -> None:
        """Wait until run `seq` has ended, while `listening`."""
        await eventually(lambda: seq in self.done)

    async def run(self, kind: str, **args: Any) -> Outcome:
        """Run a handler to its outcome."""
        return await self.answer(await self.hand(kind, **args))

    async def begun(self, seq: int) -> None:
        """Wait until run `seq` has begun."""
        await eventually(lambda: self.child.page.begun_seq >= seq)

    async def interrupt(self, seq: int, reason: str, message: str = "m") -> None:
        """Both parts of an interrupt: frame and ring."""
        await self.child.send(wire.encode(wire.Interrupt(seq, reason, message)))
        self.child.ring()


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds; fail if it does not within BOUND_SECONDS."""
    with trio.fail_after(BOUND_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await trio.sleep(0.001)


async def told(path: Path) -> str:
    """Wait until a handler has written this file."""
    await eventually(path.exists)
    return path.read_text()


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie, which is dead but not yet reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def children_of(pid: int) -> list[int]:
    """The living children of a process."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and alive(int(entry)):
            stat = Path(f"/proc/{entry}/stat").read_text()
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry))
    return found
