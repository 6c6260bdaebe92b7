"""Runs a program of the suite and hands on what it is asked: a signal to us is one to the program.

Ctrl-C at a terminal reaches the program without us. Otherwise it has a process group of its own,
and hears of a signal from us alone, once, so that its clean-up is not interrupted in turn.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from scripts.verify import processes

CHECKOUT = Path(__file__).parents[2]


class Stopped(Exception):
    """A signal asked us to stop. `status` is the exit status that says so."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        super().__init__(signal.Signals(number).name)


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program in the checkout, to its end; its exit status. Raises Stopped, afterwards."""
    at_terminal = sys.stdin is not None and sys.stdin.isatty()
    told: list[int] = []
    started: list[int] = []

    def hand_on(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        if not (at_terminal and number == signal.SIGINT):
            for pid in started:
                os.kill(pid, signal.SIGINT)

    with _handled_by(hand_on):
        process = _start(command, environment, group=None if at_terminal else 0)
        started.append(process.pid)
        if told:
            os.kill(process.pid, signal.SIGINT)
        process.returncode = processes.wait_for(process.pid)
    if told:
        raise Stopped(told[0])
    return process.returncode


def _start(
    command: Sequence[str], environment: Mapping[str, str], group: int | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, env=os.environ | environment, cwd=CHECKOUT, process_group=group
    )


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    former = {each: signal.signal(each, handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in former.items():
            signal.signal(number, old)


def finish(status: int) -> int:
    """The exit status of all, once nothing is left running; what was left makes it a failure."""
    left = processes.end_leftovers()
    for each in left:
        print(f"left behind, and killed: {each}", file=sys.stderr)
    return status or int(bool(left))
