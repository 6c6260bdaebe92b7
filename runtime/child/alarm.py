"""A time limit for a part of a plain handler: a signal that raises in its thread.

Rules: it never raises while the loop reads, or where the part is over: then it comes again soon. In
C code no signal is heard: so the limit stands in the run page, too, and its Worker kills the
process where the part goes on for a grace longer.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from runtime.child.page import RunPage
from runtime.child.ring import struck_within
from runtime.errors import UsageError
from runtime.workflow.failures import StepTimeout

T = TypeVar("T")

# Where it must not raise just now, it comes again after so long.
_AGAIN_SECONDS = 0.01


class Alarm:
    """Limits one part at a time. `hushed`: whether nothing may raise just now."""

    def __init__(self, hushed: Callable[[], bool], page: RunPage) -> None:
        self._hushed = hushed
        self._page = page
        self._seconds = 0.0

    def limited(self, seconds: float, action: Callable[[], T]) -> T:
        """Call it. Raises: StepTimeout, in it; UsageError, where no signal comes."""
        if threading.current_thread() is not threading.main_thread():
            raise UsageError(
                "a step's timeout interrupts in the main thread, not in a branch of a plain "
                "gather; make the workflow async, or give the function its own timeout"
            )
        before = signal.signal(signal.SIGALRM, self._strike)
        self._seconds = seconds
        self._page.limit_step(time.monotonic_ns() + int(seconds * 1e9))
        try:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
            return self._within(action)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            self._page.end_step()
            signal.signal(signal.SIGALRM, before)

    @staticmethod
    def _within(action: Callable[[], T]) -> T:
        return action()

    def _strike(self, _number: int, frame: FrameType | None) -> None:
        if not struck_within(Alarm._within.__code__, frame):
            return
        if self._hushed():
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
            return
        raise StepTimeout(f"it took longer than {self._seconds:g} s")
