"""The conditions under which runs of some kinds go on: how nice, and on which cores.

Rules: they hold for the run and no longer. A process that made itself nicer may not be allowed to
undo that: then it says on the run page that it is worn, and its Worker replaces it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from runtime.child import kernel
from runtime.child.page import RunPage
from runtime.job import KindInfo

_MOST_NICE = 19


class Conditions:
    """Of one child. `enter` and `leave` are called around each run of one of the `kinds`."""

    def __init__(self, page: RunPage, infos: Iterable[KindInfo]) -> None:
        self.kinds = {info.kind: info for info in infos if info.nice or info.cores > 1}
        self._page = page
        self._own_nice = os.getpriority(os.PRIO_PROCESS, 0) if self.kinds else 0
        self._own_cpus: set[int] | None = None  # while it may use others

    def enter(self, kind: str) -> None:
        """A run of this kind begins."""
        info = self.kinds[kind]
        if info.nice:
            self._be_nice(min(_MOST_NICE, self._own_nice + info.nice))
        if info.cores > 1:
            self._own_cpus = kernel.widen()

    def leave(self, kind: str) -> None:
        """It has ended."""
        if self.kinds[kind].nice:
            self._be_nice(self._own_nice)
        if self._own_cpus is not None:
            kernel.bind(self._own_cpus)
            self._own_cpus = None

    def _be_nice(self, nice: int) -> None:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
        except OSError:
            self._page.set_worn()
