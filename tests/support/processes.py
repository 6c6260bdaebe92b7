"""Who is alive: the processes that a test has caused, however far down.

Rule: a process that a test starts carries a mark in its environment, and so does whatever that one
starts; a fork keeps it. So nothing escapes by leaving its session, group or parent.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import attrs

MARK = "HEADRACE_TEST_MARK"
# Between looks while waiting: what a test waits for needs the processor, too.
LOOK_SECONDS = 0.01


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
    except OSError:  # it has just ended, or is another user's
        return None
    return _process(pid)


def _process(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    head, _, tail = stat.rpartition(")")
    state, parent = tail.split()[:2]
    return None if state in "ZX" else Process(pid, head.partition("(")[2], int(parent))


def below(pid: int) -> list[Process]:
    """The living processes that this one has made, and those that they have made; quickly."""
    found: list[Process] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            pids = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in pids:
            process = _process(child)
            found += [process] if process else []
            found += below(child)
    return found


def wait_gone(mark: str, seconds: float = 10.0) -> None:
    """Return when no marked process lives; fail the test if one still does after that time."""
    wait_for(lambda: not marked(mark), lambda: f"still alive: {marked(mark)}", seconds)


def wait_for(
    condition: Callable[[], object],
    told: Callable[[], str],
    seconds: float,
    *,
    every: float = LOOK_SECONDS,
) -> None:
    """Return once the condition holds; fail the test if it does not in time, with what is told."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain; {told()}"
        time.sleep(every)
