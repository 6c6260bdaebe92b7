"""The handlers of the benches."""

from __future__ import annotations

import asyncio
import os
import time

from runtime import App
from scripts.benches.burning import spin

app = App("bench")

RUNAWAY_TIMEOUT_SECONDS = 0.5


@app.job
def noop(number: int = 0) -> None:
    """Nothing."""


@app.job
def burn(turns: int) -> int:
    """Keep a core busy; see `burning`."""
    return spin(turns)


@app.job
def nap(seconds: float) -> None:
    """Take time, and no core."""
    time.sleep(seconds)


@app.job
def note_start() -> int:
    """When it began: microseconds of the monotonic clock, which all processes here share."""
    return time.monotonic_ns() // 1000


@app.job(timeout=RUNAWAY_TIMEOUT_SECONDS, max_attempts=1)
def runaway(path: str) -> None:
    """Note the begin in a file, as there will be no output; then take no notice of anything."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{time.monotonic_ns() // 1000}\n".encode())
    os.close(descriptor)
    while True:
        try:
            spin(1_000_000_000)
        except BaseException:  # noqa: BLE001, S112, RUF100 - that is what it is here for
            continue


@app.job(max_attempts=1)
def sleeper(path: str) -> None:
    """Note in a file when it begins, and when it is told to stop."""
    _note(path)
    try:
        time.sleep(600)
    finally:
        _note(path)


@app.job(max_attempts=1)
async def sleeper_async(path: str) -> None:
    """The same, on asyncio."""
    _note(path)
    try:
        await asyncio.sleep(600)
    finally:
        _note(path)


def _note(path: str) -> None:
    """A line with the time: nanoseconds of the monotonic clock."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{time.monotonic_ns()}\n".encode())
    os.close(descriptor)
