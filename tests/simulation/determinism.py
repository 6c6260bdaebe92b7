"""One seed, one run: trio's scheduling, its clock and all dice, decided by a number.

Where a run's order comes from, and what is done about it:

    tasks that can run at the same time   trio shuffles them by `trio._core._run._r`: seeded, after
                                          `_ALLOW_DETERMINISTIC_SCHEDULING` has them sorted first,
                                          by the order of their making. (Both are what pytest-trio
                                          uses under Hypothesis.)
    time                                  MockClock, which jumps when all tasks wait; also behind
                                          `time.monotonic_ns`, which children's times are in
    dice of the product                   the module `random`, seeded
    sets of tasks, of cancel scopes       differ from run to run by address, and only lead to tasks
                                          that can run at the same time

Nothing of a simulation reads a file, a socket, the time of day or `os.urandom`.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from unittest.mock import patch

import trio
from trio._core import _run
from trio.testing import MockClock

T = TypeVar("T")

# So that no time is 0, which stands for "never" here and there.
BEGIN_SECONDS = 1000.0
_NANO = 1_000_000_000
_real_ns = time.monotonic_ns


def run_seeded(seed: int, main: Callable[[], Awaitable[T]]) -> T:
    """Like trio.run, on virtual time, and the same each time for the same seed."""
    clock = MockClock(autojump_threshold=0)
    clock.jump(BEGIN_SECONDS)
    with _seeded(seed):
        return trio.run(main, clock=clock)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    order, dice, quiet = _run._r.getstate(), random.getstate(), logging.root.manager.disable
    _run._r.seed(seed)
    random.seed(seed)
    logging.disable(logging.WARNING)
    try:
        with (
            patch.object(_run, "_ALLOW_DETERMINISTIC_SCHEDULING", True),
            patch("time.monotonic_ns", _virtual_ns),
        ):
            yield
    finally:
        _run._r.setstate(order)
        random.setstate(dice)
        logging.disable(quiet)


def _virtual_ns() -> int:
    """Nanoseconds of trio's clock; of the real one in threads that have none."""
    try:
        return round(trio.current_time() * _NANO)
    except RuntimeError:
        return _real_ns()
