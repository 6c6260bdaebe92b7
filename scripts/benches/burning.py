"""Work for a core, by the turn, so that it is the same for whoever does it.

It does not look at a clock: a process that loses its core for a while has no less to do.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ProcessPoolExecutor

from runtime.config.cores import usable_cores

_SAMPLE_TURNS = 20_000  # a millisecond, more or less
_SAMPLES = 50


def spin(turns: int) -> int:
    """So many turns of a loop."""
    total = 0
    for turn in range(turns):
        total += turn & 3
    return total


def turns_for(seconds: float) -> int:
    """How many turns take so long here, by the fastest of some samples."""
    fastest = min(_sample() for _ in range(_SAMPLES))
    return max(1, round(seconds / fastest * _SAMPLE_TURNS))


def turns_for_busy_cores(seconds: float) -> int:
    """How many turns take so long where all cores do the same: they share more than it seems."""
    cores = usable_cores()
    with ProcessPoolExecutor(cores) as pool:
        took = statistics.median(pool.map(_typical_sample, range(cores)))
    return max(1, round(seconds / took * _SAMPLE_TURNS))


def _typical_sample(_core: int) -> float:
    return statistics.median(_sample() for _ in range(4 * _SAMPLES))


def _sample() -> float:
    began = time.perf_counter()
    spin(_SAMPLE_TURNS)
    return time.perf_counter() - began
