"""How late this machine is by itself: a yardstick for tests of promises in milliseconds.

Rule: it is taken beside what is tested, at the same time, and of the same sort: a thread that
sleeps until a moment, asks the database, and computes for some milliseconds. What an overload does
to one, it does to the other. (One that only sleeps and asks is let in before all others: it was
0.5 ms late where this one was 22.)
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

# Between two moments, in seconds: often enough for a median, and little load.
STEP_SECONDS = 0.1
# Of a core, each time: about what a node and PostgreSQL take for one job of which they hear.
CPU_SECONDS = 0.005


class Yardstick:
    """See `beside`. `seconds`: how late it was done each time, its own computing aside."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @property
    def median(self) -> float:
        """Half of the times it was later than this, in seconds."""
        return statistics.median(self.seconds)


@contextmanager
def beside(url: str) -> Iterator[Yardstick]:
    """Measure for as long as the block takes, which is to be longer than a few steps."""
    taken, over = Yardstick(), threading.Event()

    def measure() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.is_set():
                moment = time.monotonic() + STEP_SECONDS
                time.sleep(STEP_SECONDS)
                connection.execute("SELECT 1")
                computed = time.thread_time() + CPU_SECONDS
                while time.thread_time() < computed:
                    pass
                taken.seconds.append(time.monotonic() - moment - CPU_SECONDS)

    thread = threading.Thread(target=measure, name="yardstick")
    thread.start()
    try:
        yield taken
    finally:
        over.set()
        thread.join()
