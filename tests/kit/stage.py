"""Stage: children that act out scenes, and a record of what happened when.

A scene is what one incarnation does: `async def scene(life)`. A child plays its scenes one after
another, one an incarnation, and the last one for ever. The record's lines are (seconds, text):
"+a" when the child a begins, "-a" when it has ended.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from actors.kit import ChildSpec, Event, Life, Restart, Supervisor, run_supervised

Scene = Callable[[Life], Awaitable[None]]
Line = tuple[float, str]
E = TypeVar("E")


class Crash(Exception):
    """What scenes raise."""


async def serve(life: Life) -> None:
    """Start at once, leave at once when asked to."""
    life.started()
    await life.wait_stopping()


def drain(seconds: float) -> Scene:
    """Start at once, take so long to leave."""

    async def scene(life: Life) -> None:
        await serve(life)
        await trio.sleep(seconds)

    return scene


def start_slowly(seconds: float) -> Scene:
    """Take so long to start."""

    async def scene(life: Life) -> None:
        await trio.sleep(seconds)
        await serve(life)

    return scene


def crash_after(seconds: float, error: BaseException | None = None) -> Scene:
    """Start at once, then raise."""

    async def scene(life: Life) -> None:
        life.started()
        await trio.sleep(seconds)
        raise error or Crash

    return scene


def fail_start_after(seconds: float) -> Scene:
    """Raise before the start is complete."""

    async def scene(_life: Life) -> None:
        await trio.sleep(seconds)
        raise Crash

    return scene


def return_after(seconds: float, *, started: bool = True) -> Scene:
    """Run for a while and be done."""

    async def scene(life: Life) -> None:
        if started:
            life.started()
        await trio.sleep(seconds)

    return scene


async def crash_when_stopped(life: Life) -> None:
    """Raise when asked to stop."""
    await serve(life)
    raise Crash


async def ignore_stop(life: Life) -> None:
    """Start at once, never leave by itself."""
    life.started()
    await trio.sleep_forever()


def ignore_cancellation(seconds: float) -> Scene:
    """Never leave by itself; cancelled, go on for a while regardless."""

    async def scene(life: Life) -> None:
        try:
            await ignore_stop(life)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(seconds)

    return scene


class Stage:
    """Makes children that play scenes; records."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.events: list[Event] = []
        self.alive: list[str] = []

    @property
    def now(self) -> float:
        """Seconds on the virtual clock, which begins at 0 with each test."""
        return round(trio.current_time(), 6)

    def child(
        self,
        name: str,
        *scenes: Scene,
        restart: Restart = Restart.PERMANENT,
        shutdown_seconds: float = 5.0,
        start_seconds: float = math.inf,
    ) -> ChildSpec:
        """Return the spec of a child that plays these scenes (default: `serve`)."""
        coming = list(scenes or [serve])

        async def start(life: Life) -> None:
            scene = coming.pop(0) if len(coming) > 1 else coming[0]
            await self._play(name, scene, life)

        return ChildSpec(name, start, restart, shutdown_seconds, start_seconds)

    async def _play(self, name: str, scene: Scene, life: Life) -> None:
        assert name not in self.alive, f"two incarnations of {name} at once"
        self.alive.append(name)
        self._say(f"+{name}")
        try:
            await scene(life)
        finally:
            self.alive.remove(name)
            self._say(f"-{name}")

    def _say(self, text: str) -> None:
        self.lines.append((self.now, text))

    def observe(self, event: Event) -> None:
        """Observe a supervisor."""
        self.events.append(event)

    def events_of(self, kind: type[E]) -> list[E]:
        """Return the observed events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def texts(self) -> list[str]:
        """The record without times."""
        return [text for _, text in self.lines]

    def forget(self) -> None:
        """Empty the record."""
        self.lines.clear()
        self.events.clear()

    @asynccontextmanager
    async def running(self, supervisor: Supervisor) -> AsyncIterator[trio.Event]:
        """Run a supervisor, from its complete start on; on leaving, stop it and await its end."""
        stop = trio.Event()

        async def run(task_status: trio.TaskStatus[None]) -> None:
            await run_supervised(
                supervisor.spec(), stop=stop, observe=self.observe, task_status=task_status
            )

        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            yield stop
            stop.set()
        assert self.alive == []
