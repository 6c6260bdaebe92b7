"""Job ids: UUIDv7, made by the client, so that repeating an ambiguous enqueue adds nothing.

Rule: within one process ids grow strictly, also within one millisecond and when the clock steps
back, so that new rows go to the right edge of the primary key. Source: RFC 9562, section 6.2,
method 1 (a counter in the bits behind the millisecond).
"""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_COUNTER_BITS = 42  # 12 bits of rand_a and 30 of rand_b; 32 random bits remain behind it
_RANDOM_BITS = 32
_COUNTER_START_BITS = 41  # a fresh millisecond starts in the lower half, so it cannot overflow


class Uuid7Source:
    """Makes strictly growing UUIDv7. Safe to call from any thread, and after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._counter = 0
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0

    def __call__(self) -> UUID:
        with self._lock:
            return self._next(time.time_ns() // 1_000_000)

    def _next(self, millisecond: int) -> UUID:
        random = int.from_bytes(os.urandom(10))
        if millisecond > self._millisecond:
            self._millisecond = millisecond
            self._counter = random >> (80 - _COUNTER_START_BITS)
        else:
            self._counter += 1
        if self._counter >> _COUNTER_BITS:
            self._millisecond += 1
            self._counter = 0
        return _assemble(self._millisecond, self._counter, random & ((1 << _RANDOM_BITS) - 1))


def _assemble(millisecond: int, counter: int, random: int) -> UUID:
    high, low = counter >> 30, counter & ((1 << 30) - 1)
    value = (millisecond & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | high << 64 | 0b10 << 62 | low << 32 | random
    return UUID(int=value)


uuid7 = Uuid7Source()
"""The process's source of job ids."""
