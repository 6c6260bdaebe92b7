"""Limits of CPU time and memory, and of a workflow's step: looked after from outside of a run's
process, for it may be in C.

Rules: only runs of kinds that have such a limit cost a look, and the nearer a run is to its limit,
the sooner comes the next. Over its CPU timeout a run is told to stop, by the ladder; over its
memory its child is killed at once, since it takes more while one waits. A step that goes on beyond
its timeout is interrupted by its child; where that has not helped for a grace, the child is killed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import attrs

from actors.child import Child
from actors.ladder import Ladder
from actors.runs import HeldRun, Runs
from runtime.child import kernel
from runtime.job import KindInfo

# Looks are no closer than this: each costs 0.02 ms.
CLOSEST_SECONDS = 0.02
# Nor farther, while there is a limit of memory.
FARTHEST_SECONDS = 0.25
# Between looks whether a step of a plain workflow has a timeout: each is two reads of memory.
STEP_SECONDS = 0.5
# How fast a process may take memory, in KiB a second: twice what one core can write.
GREED = 8 * 1024 * 1024
# How fast CPU time may pass: on all cores.
_CORES = len(kernel.usable_cpus())


def is_limited(info: KindInfo) -> bool:
    """Whether runs of this kind are to be looked after."""
    return info.cpu_timeout_seconds is not None or info.memory_mib is not None


@attrs.define(eq=False)
class Limits:
    """Of the runs of one child for plain handlers.

    Args: tell: has a run stopped. kill: has it killed. grace_seconds: between a step's timeout and
    that.
    """

    runs: Runs
    child: Child
    tell: Callable[[HeldRun, str], None]
    kill: Callable[[str, HeldRun], Awaitable[None]]
    grace_seconds: float
    measures: bool = True  # there are kinds with limits of their own
    follows: bool = False  # there are plain workflows
    _steps_at: float = attrs.field(default=0.0, init=False)
    _late: tuple[int, int] = attrs.field(default=(0, 0), init=False)  # the step that was, at a look

    async def step(self, now: float) -> float:
        """Look at what has a limit; return when to look again (infinity: there is nothing)."""
        next_at = float("inf")
        if self.follows and self.runs:
            if now >= self._steps_at:
                self._steps_at = now + await self._look_at_step()
            next_at = self._steps_at
        for run in list(self.runs) if self.measures else ():
            if is_limited(run.info):
                seconds = CLOSEST_SECONDS if run.begun_at is None else await self._look(run)
                next_at = min(next_at, now + seconds)
        return next_at

    async def _look(self, run: HeldRun) -> float:
        """How long the next look may wait."""
        seconds = min(self._look_at_cpu(run), await self._look_at_memory(run))
        return max(CLOSEST_SECONDS, seconds)

    async def _look_at_step(self) -> float:
        seq, at_ns = self.child.page.step_limit
        run = self.runs.held(seq) if seq else None
        if run is None or run.reason is not None:
            return STEP_SECONDS
        left = (at_ns - time.monotonic_ns()) / 1e9 + self.grace_seconds
        if left > 0:
            return min(STEP_SECONDS, max(CLOSEST_SECONDS, left))
        if self._late != (seq, at_ns):  # perhaps all of us stood still: then it ends by itself now
            self._late = (seq, at_ns)
            return STEP_SECONDS
        run.reason = "step"
        await self.kill("step", run)
        return STEP_SECONDS

    def _look_at_cpu(self, run: HeldRun) -> float:
        limit = run.info.cpu_timeout_seconds
        if limit is None or run.reason is not None:
            return float("inf")
        began = self.child.page.cpu_ns_at_begin(run.seq)
        used = kernel.cpu_ns_of(self.child.pid)
        if began is None or used is None:
            return CLOSEST_SECONDS
        left = limit - (used - began) / 1e9
        if left > 0:
            return left / _CORES
        self.tell(run, "cpu")
        return CLOSEST_SECONDS  # the ladder reckons from its next step on

    async def _look_at_memory(self, run: HeldRun) -> float:
        if run.info.memory_mib is None or run.reason == "memory":
            return float("inf")
        resident = kernel.resident_kib_of(self.child.pid)
        if resident is None:
            return FARTHEST_SECONDS
        left = run.info.memory_mib * 1024 - resident
        if left >= 0:
            return min(FARTHEST_SECONDS, left / GREED)
        run.reason = "memory"
        await self.kill("memory", run)
        return float("inf")


def limits_of(
    runs: Runs,
    child: Child,
    kinds: Mapping[str, KindInfo],
    ladder: Ladder,
) -> Limits | None:
    """What looks after this child's runs; None, if no kind has a limit."""
    measures = any(is_limited(info) for info in kinds.values())
    follows = any(info.workflow and not info.is_async for info in kinds.values())
    if not measures and not follows:
        return None
    grace = ladder.grace_seconds
    return Limits(runs, child, ladder.tell, ladder.kill, grace, measures, follows)
