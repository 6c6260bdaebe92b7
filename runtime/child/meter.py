"""What a run used: CPU seconds and peak memory of its process, in children that run one at a time.

What the figures mean, in a job's row and in its failures:

    CPU    of all threads of the process, from begin to end of the run. Of a run of less than
           0.1 ms, whose predecessor of the same kind was as short: its wall time. To read the clock
           twice would cost such a run a tenth of its time
    peak   the most memory that was resident in the process since the run began. Of runs of less
           than 10 ms: since the last longer one began; of those that are not measured, as seen at
           most a tenth of a second ago

Where the kernel does not let a process reset its peak, the peak is that of the process's life.
"""

from __future__ import annotations

import time

from runtime.child import kernel
from runtime.child.page import RunPage

_NANO = 1_000_000_000
# After a run shorter than this, the next one of its kind is not measured.
SHORT_NS = 100_000
# After a run at least as long, the peak is reset for the next of its kind, at 0.01 ms.
LONG_NS = 10_000_000
# Reading one's own memory use costs 0.02 ms; a tenth of a second hides that and is soon enough.
_LOOK_EVERY_NS = _NANO // 10


class Meter:
    """Of one child. `begin` and `end` are called in turn; a kind in `short` may be spared both.

    Attributes: short: kinds whose last run was. peak_kib: as last seen. look_at_ns: when
    `look_if_due` will look.
    """

    def __init__(self, page: RunPage, always: frozenset[str] = frozenset()) -> None:
        """`always`: kinds that are measured however short their runs are."""
        self._page = page
        self._always = always
        self.short: set[str] = set()
        self._long: set[str] = set()
        self._cpu_ns = 0  # of the process when the run began
        self.peak_kib = 0
        self.look_at_ns = 0

    def begin(self, seq: int, kind: str) -> None:
        """Run `seq`, of this kind, begins."""
        if kind in self.short:
            return
        if kind in self._long:
            kernel.reset_peak()
        self._cpu_ns = time.process_time_ns()
        self._page.begin_cpu(seq, self._cpu_ns)

    def end(self, kind: str, wall_ns: int) -> tuple[float, int]:
        """It has ended: its CPU seconds, and its peak in KiB."""
        if kind in self.short:
            if wall_ns >= SHORT_NS:
                self.short.discard(kind)
            return wall_ns / _NANO, self.peak_kib
        cpu_ns = time.process_time_ns() - self._cpu_ns
        self.peak_kib = kernel.peak_kib()
        if wall_ns < SHORT_NS and kind not in self._always:
            self.short.add(kind)
        if wall_ns >= LONG_NS:
            self._long.add(kind)
        else:
            self._long.discard(kind)
        return cpu_ns / _NANO, self.peak_kib

    def look_if_due(self, now_ns: int) -> int:
        """Show the node what the process holds, now and then. Returns its peak so far, in KiB."""
        if now_ns >= self.look_at_ns:
            self._page.rss_kib = kernel.resident_kib()
            self.peak_kib = kernel.peak_kib()
            self.look_at_ns = now_ns + _LOOK_EVERY_NS
        return self.peak_kib
