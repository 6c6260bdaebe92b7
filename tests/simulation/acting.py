"""A handler at work: what its job's plan says, unless it is interrupted or killed before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from uuid import UUID

import attrs
import trio

from runtime import wire
from runtime.child.ending import Judge
from runtime.child.settings import ChildSettings
from runtime.errors import Interrupted, JobCancelled, JobTimeout, RunStopped
from runtime.outcome import Cancel, Completed, Discard, Outcome, Snooze
from tests.simulation.plans import Act
from tests.simulation.world import World

if TYPE_CHECKING:
    from tests.simulation.child import SimulatedChild

# The largest output that the simulated database takes, and one that is larger.
OUTPUT_LIMIT_BYTES = 1024
_TOO_MUCH = '"' + "x" * OUTPUT_LIMIT_BYTES + '"'

_INTERRUPTIONS: dict[str, type[Interrupted]] = {
    "timeout": JobTimeout,
    "cancel": JobCancelled,
    "stop": RunStopped,
}
# How a handler that was interrupted has ended, in a word.
_HOW = {"timeout": "raised", "cancel": "cancelled", "stop": "stopped"}

judge = Judge(ChildSettings())


class Boom(Exception):
    """What a handler raises."""


@attrs.frozen
class Ended:
    """How a handler has ended by itself, in a word and as its outcome."""

    how: str
    outcome: Outcome


class Acting:
    """One call of a handler. Attributes: record, of its run; name, of its job."""

    def __init__(self, world: World, child: SimulatedChild, frame: wire.Run, node: str) -> None:
        self._world = world
        self._child = child
        self._frame = frame
        plan = world.plans[UUID(bytes=frame.id)]
        self._act = plan.next_act()
        self.name = plan.name
        self.record = world.chronicle.begin(
            plan.job.id, plan.name, frame.run_number, child.pid, node, self._act.what
        )
        if plan.cancelled_at is not None and trio.current_time() > plan.cancelled_at:
            world.chronicle.failings.append(f"{plan.name} runs, though it was cancelled before")
        if plan.held_at is not None and trio.current_time() > plan.held_at:
            world.chronicle.failings.append(f"{plan.name} runs, though it was held back before")
        self._interruption: wire.Interrupt | None = None
        self._interrupted = trio.Event()

    def interrupt(self, frame: wire.Interrupt) -> None:
        """It is told to stop."""
        if self._interruption is None:
            self._interruption = frame
            self._interrupted.set()

    def pause(self) -> None:
        """It is to end at its next operation, if it is a workflow."""

    def answer(self, frame: wire.Answered) -> None:
        """Of a workflow: its node has answered."""
        raise AssertionError(f"{self.name} has asked nothing")

    async def run(self) -> Ended:
        """Act; how it ended by itself. Does not return if it does not."""
        act = self._act
        if act.what == "hang for good":
            await trio.sleep_forever()
        hangs = act.what in ("hang", "garble", "hush")
        with trio.move_on_after(math.inf if hangs else act.seconds):
            self._misbehave(act)
            await self._interrupted.wait()
        if self._interruption is not None:
            await self._world.blink(0.05)  # it cleans up
            return self._stopped(self._interruption)
        if act.what in ("exit", "crash"):
            died = {"exit": (3, None), "crash": (None, "SIGSEGV")}[act.what]
            cause = "exit" if act.what == "exit" else "signal"
            self._child.end(cause, exit_status=died[0], signal=died[1])
            await trio.sleep_forever()
        return self._ended(act.what)

    def _misbehave(self, act: Act) -> None:
        if act.what == "garble":
            self._child.write(b"\xff" * 16, [])
        elif act.what == "hush":
            self._child.hush()

    def _stopped(self, frame: wire.Interrupt) -> Ended:
        error = _INTERRUPTIONS[frame.reason](frame.message)
        outcome = judge.of_error(None, self._frame.attempt, error)
        return Ended(_HOW[frame.reason], outcome)

    def _ended(self, what: str) -> Ended:
        attempt = self._frame.attempt
        match what:
            case "raise":
                return Ended("raised", judge.of_error(None, attempt, Boom("as planned")))
            case "snooze":
                delay = self._world.dice.choice([0.0, 0.1, 1.0])
                return Ended("snoozed", judge.of_error(None, attempt, Snooze(delay)))
            case "discard":
                return Ended("discarded", judge.of_error(None, attempt, Discard()))
            case "cancel":
                return Ended("cancelled", judge.of_error(None, attempt, Cancel()))
            case "return too much":
                return Ended("discarded", Completed(_TOO_MUCH))
        return Ended("succeeded", Completed(str(self._frame.run_number)))
