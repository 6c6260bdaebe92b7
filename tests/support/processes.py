"""Who is alive: the processes that a test has caused, however far down.

Rule: a process that a test starts carries a mark in its environment, and so does whatever that one
starts; a fork keeps it. So nothing escapes by leaving its session, group or parent.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import attrs

from tests.support.postgres import gone, wait_until

MARK = "HEADRACE_TEST_MARK"


def new_mark() -> str:
    """A value of the variable MARK that nothing else has."""
    return uuid.uuid4().hex


@attrs.frozen
class Process:
    """A living process. `name`: as the kernel shows it, 15 characters at most."""

    pid: int
    name: str
    parent: int


def marked(mark: str) -> list[Process]:
    """The living processes with this mark, by pid; those that only wait to be reaped are dead."""
    pids = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    found = [_look(pid, f"{MARK}={mark}".encode()) for pid in pids]
    return [process for process in found if process is not None]


def _look(pid: int, variable: bytes) -> Process | None:
    try:
        if variable not in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return None
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, ProcessLookupError):  # it has just ended, or is another user's
        return None
    head, _, tail = stat.rpartition(")")
    return None if gone(pid) else Process(pid, head.partition("(")[2], int(tail.split()[1]))


def wait_gone(mark: str, seconds: float = 10.0) -> None:
    """Return when no marked process lives; fail the test if one still does after that time."""
    wait_for(lambda: not marked(mark), lambda: f"still alive: {marked(mark)}", seconds)


def wait_for(condition: Callable[[], object], told: Callable[[], str], seconds: float) -> None:
    """As `wait_until`, with words for the failure."""
    try:
        wait_until(condition, seconds)
    except AssertionError:
        raise AssertionError(f"waited {seconds:g} s in vain; {told()}") from None
