"""A clock that is wrong, here and in all that is forked from here, by what a file says each time.

Shifted are `time.time`, `time.time_ns`, and of `time.localtime`, `gmtime`, `ctime`, `strftime` the
time that they take when given none. By these a node stamps its log, and makes ids; handlers use
what they like. Not shifted: `datetime.now` and `time.clock_gettime`, which ask the kernel
themselves, and the monotonic clocks, for which the kernel vouches. (A test holds that Headrace's
own code asks for the time of day in no way that is not shifted.) Only the standard library is
imported here, for each process of a node imports this before all else.
"""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path
from typing import Any

PAGE = struct.Struct("d")  # how many seconds to be ahead
_NANO = 1_000_000_000


def install(path: str) -> None:
    """Have the clock of this page in this process."""
    with Path(path).open("rb") as file:
        page = mmap.mmap(file.fileno(), PAGE.size, access=mmap.ACCESS_READ)
    true_time, true_time_ns, strftime = time.time, time.time_ns, time.strftime

    def ahead() -> float:
        return float(PAGE.unpack_from(page)[0])

    def told_strftime(text: str, *when: Any) -> str:
        return strftime(text, *(when or (time.localtime(),)))

    wrong: dict[str, Any] = {
        "time": lambda: true_time() + ahead(),
        "time_ns": lambda: true_time_ns() + int(ahead() * _NANO),
        "localtime": _told(time.localtime),
        "gmtime": _told(time.gmtime),
        "ctime": _told(time.ctime),
        "strftime": told_strftime,
    }
    for name, function in wrong.items():
        setattr(time, name, function)


def _told(function: Any) -> Any:
    """The function, told the time where it would take the kernel's."""

    def told(seconds: float | None = None) -> Any:
        return function(time.time() if seconds is None else seconds)

    return told
