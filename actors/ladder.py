"""The kill ladder: how a run is made to stop. One for timeout, cancel and stop.

    told (exception in the handler) ─▶ told again each second ─▶ grace over: stack, SIGKILL

Rules: an exception inside the handler can be caught, SIGKILL cannot, so every ladder ends. Telling
never waits for the child, which may not be reading. A run that has not begun when it is told is
answered by the child at its turn. In a child that runs many handlers at once, the others go back,
uncounted, when one of them has it killed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from actors import events
from actors.runs import HeldRun, Runs
from runtime import wire

# A handler that is told to stop is told again this often: a bare `except` may have eaten it.
RING_SECONDS = 1.0
# Why one job of a batch is not to go on, though the call does: it says nothing of the others.
OF_ONE_JOB = frozenset({"cancel", "expired"})


@attrs.define(eq=False)
class Ladder:
    """Stops runs of one child.

    Args: say: hands a frame over to be sent, followed by a ring. ring: has the child look at what
    was sent. kill: the last step.
    """

    runs: Runs
    grace_seconds: float
    say: Callable[[wire.Interrupt], None]
    ring: Callable[[], None]
    kill: Callable[[str, HeldRun], Awaitable[None]]
    observe: events.Observer = events.ignore
    # By call, for a batch whose oldest run ends while it is being stopped.
    _kill_at: dict[int, float] = attrs.field(factory=dict, init=False)

    def tell(self, run: HeldRun, reason: str, why: str = "") -> None:
        """The first step. A run that is being stopped already stays with its first reason.

        `why`: what people gave as their own.
        """
        if run.reason is None:
            run.reason, run.why = reason, why
            self.observe(events.RunInterrupted(run.job.id, run.job.kind, reason))
            self._say(run)
            if reason not in OF_ONE_JOB:
                for mate in self.runs.mates(run):  # it is one call, and was told
                    mate.reason, mate.why = mate.reason or reason, why

    async def step(self, now: float) -> float:
        """Do what is due; return when something will be due next (infinity: nothing)."""
        next_at = float("inf")
        led: set[int] = set()
        for run in self.runs.begun():
            if run.batch in led and run.reason is not None:
                continue  # the oldest of a batch climbs for all of it
            if run.batch:
                led.add(run.batch)
            if run.reason is None and now >= run.due_at:
                self.tell(run, run.due_reason)
            next_at = min(
                next_at, run.due_at if run.reason is None else await self._climb(run, now)
            )
        return next_at

    async def _climb(self, run: HeldRun, now: float) -> float:
        if run.reason in OF_ONE_JOB and any(mate.reason is None for mate in self.runs.mates(run)):
            return now + RING_SECONDS  # the call goes on for the others
        if not run.kill_at:
            run.kill_at = self._kill_at.setdefault(run.batch or run.seq, now + self.grace_seconds)
            run.ring_at = now + RING_SECONDS
        if now >= run.kill_at:
            await self.kill(run.reason or "stop", run)
            return float("inf")
        if now >= run.ring_at:
            self._say(run)
            run.ring_at = now + RING_SECONDS
        return min(run.ring_at, run.kill_at)

    def _say(self, run: HeldRun) -> None:
        self.say(wire.Interrupt(run.seq, run.reason or "stop", _message(run)))
        self.ring()  # now too: a child whose socket is full has to read before it can be told


def _message(run: HeldRun) -> str:
    if run.reason == "timeout":
        return f"ran for longer than its timeout of {run.timeout_seconds:g} s"
    if run.reason == "cpu":
        return f"used more CPU time than its timeout of {run.info.cpu_timeout_seconds:g} s"
    if run.reason == "expired":
        return "went on until its deadline (expires_at)"
    if run.reason == "cancel":
        return run.why or "cancelled while it ran"
    return "the node stops"
