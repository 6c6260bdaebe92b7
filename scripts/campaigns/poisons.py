"""The app of the campaign `poison`: traced jobs, and handlers that do their worst.

Here: what they raise, return, compute and send to themselves. In `poisons_outside`: what they do
to descriptors, processes and the disk. How each must end is the table in `endings`. Rule: none
endangers the machine: memory is bounded by the node's --memory-limit-mib and not touched, but for
some 100 MiB.
"""

from __future__ import annotations

import asyncio
import collections
import ctypes
import itertools
import math
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from runtime import JobTimeout, RunStopped
from scripts.campaigns import poisons_outside
from scripts.campaigns.app import app
from scripts.campaigns.poisoning import (
    MEMORY_MIB,
    hungry,
    lingering,
    looping,
    quick,
    quick_async,
    stubborn,
    stubborn_async,
)

__all__ = ["app", "poisons_outside"]

_MIB = 1024 * 1024
_LONG_SECONDS = 600.0


# --- they leave -----------------------------------------------------------------------------------


@quick
def exits(_folder: str) -> None:
    os._exit(0)


@quick
def exits_oddly(_folder: str) -> None:
    os._exit(3)


@quick
def segfaults(_folder: str) -> None:
    ctypes.string_at(0)


@quick
def aborts(_folder: str) -> None:
    os.abort()


@quick
def kills_itself(_folder: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@looping
def crash_loops(_folder: str) -> None:
    ctypes.string_at(0)


@hungry
def takes_memory_in_earnest(_folder: str) -> None:
    """And touches it, a little at a time: it is seen long before it is twice its limit."""
    pieces: list[bytearray] = []
    while len(pieces) < MEMORY_MIB:  # four times its limit, if nobody looks
        pieces.append(bytearray(4 * _MIB))
        time.sleep(0.005)
    time.sleep(_LONG_SECONDS)


# --- they raise -----------------------------------------------------------------------------------


@quick
def raises_exit(_folder: str) -> None:
    sys.exit(3)


@quick
def raises_interrupt(_folder: str) -> None:
    raise KeyboardInterrupt


@quick
def raises_base(_folder: str) -> None:
    raise BaseException("as bare as can be")


@quick
def raises_timeout(_folder: str) -> None:
    raise JobTimeout("nobody told it to stop")


@quick
def raises_stopped(_folder: str) -> None:
    raise RunStopped("nobody told it to stop")


class Speechless(Exception):
    """It has no text."""

    def __str__(self) -> str:
        raise SystemExit("no text")


@quick
def raises_speechless(_folder: str) -> None:
    raise Speechless


@quick
def raises_at_length(_folder: str) -> None:
    raise ValueError("x" * (20 * _MIB))


@quick
def raises_in_a_chain(_folder: str) -> None:
    error = ValueError("the first")
    for _ in range(500):
        later = ValueError("a later one")
        later.__context__, error = error, later
    raise error


@quick
def raises_a_nest(_folder: str) -> None:
    error: Exception = ValueError("within")
    for _ in range(2_000):
        error = ExceptionGroup("around", [error])
    raise error


@quick
def recurses(_folder: str) -> None:
    """Until Python has had enough."""
    _deeper()


def _deeper() -> None:
    _deeper()


@quick
def recurses_in_c(_folder: str) -> None:
    """On the stack of C, which no limit of Python guards here."""
    nest: tuple[Any, ...] = ()
    for _ in range(300_000):
        nest = (nest,)
    hash(nest)


@quick
def takes_memory(_folder: str) -> None:
    """All that it is given, in pieces that are not touched."""
    pieces = []
    while True:
        pieces.append(bytes(64 * _MIB))


# --- they return ----------------------------------------------------------------------------------


@quick
def returns_too_much(_folder: str) -> str:
    return "x" * (100 * _MIB)


@quick
def returns_no_json(_folder: str) -> object:
    return object()


@quick
def returns_no_number(_folder: str) -> list[float]:
    return [math.nan]


@quick
def returns_a_surrogate(_folder: str) -> str:
    return "\ud800"


@quick
def returns_a_depth(_folder: str) -> object:
    value: object = None
    for _ in range(100_000):
        value = [value]
    return value


@quick
def returns_itself(_folder: str) -> object:
    value: list[object] = []
    value.append(value)
    return value


@quick
def returns_laughter(_folder: str) -> object:
    """Sixty small lists, that are 8 ** 60 values when they are written out."""
    value: object = "ha"
    for _ in range(60):
        value = [value] * 8
    return value


class Trap(Mapping[str, int]):
    """It cannot be looked into."""

    def __getitem__(self, key: str) -> int:
        raise KeyboardInterrupt(key)

    def __iter__(self) -> Iterator[str]:
        raise KeyboardInterrupt

    def __len__(self) -> int:
        raise KeyboardInterrupt


@quick
def returns_a_trap(_folder: str) -> Trap:
    return Trap()


# --- they do not return ---------------------------------------------------------------------------


@stubborn
def loops(_folder: str) -> None:
    """And listens to nobody."""
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


@stubborn
def loops_in_c(_folder: str) -> None:
    """And holds the GIL."""
    collections.deque(itertools.repeat(0), maxlen=0)


@stubborn
def backtracks(_folder: str) -> None:
    """A regular expression that takes an age, and looks at signals from time to time."""
    re.match(r"(a+)+$", "a" * 64 + "b")


@stubborn
def stops_itself(_folder: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@stubborn
def blocks_signals(_folder: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        pass


@stubborn
def ignores_signals(_folder: str) -> None:
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(_LONG_SECONDS)


@stubborn
def resets_signals(_folder: str) -> None:
    """The ring that would tell it to stop ends its process."""
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    time.sleep(_LONG_SECONDS)


@stubborn
def traces_itself(_folder: str) -> None:
    """From now on each signal stops it, and its parent is told so by wait4."""
    ctypes.CDLL(None).ptrace(0, 0, None, None)
    while True:
        time.sleep(_LONG_SECONDS)


# --- they leave something for those who come after ------------------------------------------------


@lingering
def sets_an_alarm(_folder: str) -> None:
    """Which ends its process, whatever runs in it by then."""
    signal.setitimer(signal.ITIMER_REAL, 0.05)


@lingering
def limits_its_cpu(_folder: str) -> None:
    """To a second more. Whatever runs by then ends with it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    seconds = math.ceil(usage.ru_utime + usage.ru_stime) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))


# --- async ----------------------------------------------------------------------------------------


@stubborn_async
async def async_blocks(_folder: str) -> None:
    """The loop, and the GIL with it."""
    collections.deque(itertools.repeat(0), maxlen=0)


@quick_async
async def async_exits(_folder: str) -> None:
    os._exit(3)


@quick_async
async def async_stops_the_loop(_folder: str) -> None:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(_LONG_SECONDS)
