"""Flows: which plain workflows are light, so that more of their runs than cores may go on at once.

    ends of runs ─▶ Flows ─▶ light kinds ─▶ seats of the Workers for flows; other kinds: of the rest

A plain workflow waits after each step until that is recorded, and its core is idle meanwhile. Where
its runs need little else, there are children besides, several a core, made on demand: while some
wait, others go on, and what they record is written together.

Rules: light is a kind of which the last runs, several in a row, took little CPU time and memory. A
run that takes much ends that, as soon as it is seen to. What is not known is not light. At each
moment a kind is served by the Workers for flows alone, or by the others alone. Once nothing has
gone on in such a child for a while it is ended; with the last of them all is forgotten, for the
others suffice, and have their children anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import trio

from actors.acker import Settled
from actors.child import Child
from actors.runs import HeldRun, Runs
from runtime.child import kernel
from runtime.config.memory import usable_memory_mib
from runtime.job import KindInfo
from runtime.outcome import GivenBack

# A run is light below this CPU time, in seconds. One of five steps that do nothing takes 0.002.
LIGHT_SECONDS = 0.020
# ... and below this peak of its process, in MiB, what it shares with others included; or below its
# part of a quarter of the machine's memory, where that is less.
LIGHT_MIB = 128.0
_QUARTER = 4
# So many runs in a row make a kind light.
LIGHT_RUNS = 5
# ... and so many more, once there could be no process for it.
REFUSED_RUNS = 1000
# Between looks at what goes on in a child for flows, in seconds. Each costs 0.03 ms.
LOOK_SECONDS = 0.25
# A child for flows that has been idle for so long is ended.
IDLE_SECONDS = 30.0

Look = Callable[[Runs, Child], bool]


class Flows:
    """See the module's docstring. Of one node.

    Attributes: light: kinds that are, now. on_change: called when these are others.
    """

    def __init__(self, light_mib: float = LIGHT_MIB, *, runs: int = LIGHT_RUNS) -> None:
        """Args: light_mib: see light_mib_of. runs: that make a kind light."""
        self._light_mib = light_mib
        self._runs = runs
        self.light: frozenset[str] = frozenset()
        self.on_change: list[Callable[[], None]] = []
        self._in_a_row: Counter[str] = Counter()
        self._going_on: dict[object, str] = {}  # kinds of heavy runs, by child
        self._children = 0

    def kinds_of(self, kinds: Sequence[str], *, beside: bool) -> tuple[str, ...]:
        """Those that the Workers for flows serve now, or (not beside) the others."""
        return tuple(kind for kind in kinds if (kind in self.light) is beside)

    def ended(self, run: HeldRun, settled: Settled) -> None:
        """A run of a workflow has ended."""
        kind = run.job.kind
        if isinstance(settled.outcome, GivenBack) or not may_be_light(run.info):
            return
        mib = (settled.peak_rss_kib or 0) / 1024
        if (settled.cpu_seconds or 0.0) >= LIGHT_SECONDS or mib >= self._light_mib:
            self._heavy(kind)
        elif kind not in self.light:
            self._in_a_row[kind] += 1
            if self._in_a_row[kind] >= self._runs and kind not in self._going_on.values():
                self._set(self.light | {kind})

    def refuse(self, kinds: Sequence[str]) -> None:
        """There can be no children for these: the system has no room, or they die at once."""
        for kind in kinds:
            self._in_a_row[kind] = -REFUSED_RUNS
        self._set(frozenset())

    @contextmanager
    def child(self) -> Iterator[Look]:
        """While there is one more child for flows. Gives what is to be called time and again; it
        returns False once the child is idle."""
        watch = _Watch(self)
        self._children += 1
        try:
            yield watch.look
        finally:
            self._children -= 1
            self._going_on.pop(watch, None)
            if not self._children:
                self._in_a_row = Counter({k: n for k, n in self._in_a_row.items() if n < 0})
                self._set(frozenset())

    def goes_on(self, where: object, kind: str | None) -> None:
        """A heavy run of this kind goes on there; None: none."""
        self._going_on.pop(where, None)
        if kind is not None:
            self._going_on[where] = kind
            self._heavy(kind)

    def _heavy(self, kind: str) -> None:
        self._in_a_row[kind] = min(0, self._in_a_row[kind])
        self._set(self.light - {kind})

    def _set(self, light: frozenset[str]) -> None:
        if light != self.light:
            self.light = light
            for change in self.on_change:
                change()


class _Watch:
    """Of one child for flows."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        self._seq = -1  # of the run that was seen last
        self._busy_at = trio.current_time()

    def look(self, runs: Runs, child: Child) -> bool:
        seq, _ = child.page.begun
        if len(runs) or seq != self._seq:
            self._busy_at = trio.current_time()
        self._flows.goes_on(self, _heavy_kind(runs.held(seq), child))
        self._seq = seq
        return trio.current_time() < self._busy_at + IDLE_SECONDS


def _heavy_kind(run: HeldRun | None, child: Child) -> str | None:
    if run is None:
        return None
    began, used = child.page.cpu_ns_at_begin(run.seq), kernel.cpu_ns_of(child.pid)
    if began is None or used is None or used - began < LIGHT_SECONDS * 1e9:
        return None
    return run.job.kind


def light_mib_of(children: int) -> float:
    """Below which peak a run is light, in MiB, where there may be so many children for flows: where
    there are none, no run is."""
    return min(LIGHT_MIB, usable_memory_mib() / _QUARTER / children) if children else 0.0


def may_be_light(info: KindInfo) -> bool:
    """Whether runs of this kind may go on beside others on a core."""
    needs = info.cores > 1 or info.memory_mib is not None or info.nice
    return info.workflow and not (info.is_async or needs)
