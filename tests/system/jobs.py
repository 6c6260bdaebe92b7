"""The app of the system tests: a handler for every way in which a run can end."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import time
from pathlib import Path

from runtime import App, Cancel, Discard, Snooze, constant
from runtime.child import current

app = App(max_crashes=100)  # children are killed from outside here


@app.job(aliases=["sum_up"])
def add(a: int, b: int) -> int:
    return a + b


@app.job
def noop() -> None:
    return None


@app.job
def burn(seconds: float) -> float:
    """Keep a core busy."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return seconds


@app.job(max_attempts=3, backoff=constant(0.05))
def flaky(path: str, times: int) -> int:
    """Fail until `path` holds so many lines."""
    with open(path, "a+") as file:
        file.seek(0)
        seen = len(file.readlines())
        file.write(f"{os.getpid()}\n")
    if seen < times:
        raise ValueError(f"attempt {seen + 1}")
    return seen


@app.job(timeout=0.3, max_attempts=1)
def never_returns() -> None:
    """Swallow every polite request."""
    while True:
        try:
            while True:
                pass
        except BaseException:  # noqa: S112, BLE001, RUF100 - that is the point
            continue


@app.job(timeout=0.3, max_attempts=1)
def holds_the_gil() -> None:
    """C code that neither lets go nor looks at signals: minutes in one call."""
    sum(range(10**11))


@app.job(timeout=0.3, max_attempts=1)
def stops_when_told() -> None:
    time.sleep(600)


@app.job(max_attempts=1)
def segfault() -> None:
    ctypes.string_at(0)


@app.job(max_attempts=1)
def exits(status: int) -> None:
    os._exit(status)


@app.job(max_attempts=1)
def waits(path: str) -> str:
    """Wait until `path` is there, a minute at most."""
    for _ in range(6000):
        if os.path.exists(path):
            return "found"
        time.sleep(0.01)
    raise TimeoutError(path)


@app.job(max_attempts=1)
def kills_its_server() -> None:
    os.kill(os.getppid(), 9)
    time.sleep(60)


@app.job(max_attempts=2)
def kills_its_node() -> None:
    server = Path(f"/proc/{os.getppid()}/stat").read_text()
    os.kill(int(server.rpartition(")")[2].split()[1]), 9)
    time.sleep(60)


@app.job
def ends_by_verdict(which: str) -> Snooze | None:
    if which == "discard":
        raise Discard("no use")
    if which == "cancel":
        raise Cancel("not wanted")
    return Snooze(3600)


@app.job(max_attempts=3)
def returns_too_much() -> str:
    return "x" * 3_000_000


@app.job
async def naps(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


@app.job(timeout=0.3, max_attempts=1)
async def naps_too_long() -> None:
    await asyncio.sleep(600)


@app.job(max_attempts=100, backoff=constant(0.01))
def traced(path: str, seconds: float = 0.0003) -> int:
    """Leave a line in `path` at the beginning and one at the end; sleep in between."""
    run = current.get()
    _note(path, f"begun {run.id} {run.run_number} {os.getpid()}")
    time.sleep(seconds)
    _note(path, f"ended {run.id} {run.run_number} {os.getpid()}")
    return run.run_number


@app.job(max_attempts=100, backoff=constant(0.01))
async def async_traced(path: str, seconds: float) -> int:
    """As `traced`, napping in between."""
    run = current.get()
    _note(path, f"begun {run.id} {run.run_number} {os.getpid()}")
    await asyncio.sleep(seconds)
    _note(path, f"ended {run.id} {run.run_number} {os.getpid()}")
    return run.run_number


@app.job(max_attempts=2, backoff=constant(0.01))
async def async_segfault() -> None:
    ctypes.string_at(0)


@app.job(max_attempts=1)
def leaves_a_process(path: str) -> int:
    """Start a program, leave its pid in `path`, and wait for it."""
    process = subprocess.Popen(["sleep", "600"])
    Path(path).write_text(str(process.pid))
    return process.wait()


def _note(path: str, text: str) -> None:
    """One line, with the time, whole: O_APPEND."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{time.monotonic_ns()} {text}\n".encode())
    os.close(fd)


@app.job(max_attempts=1)
def sleeps(path: str, seconds: float) -> str:
    """Leave the pid in the file `path`, sleep, and go when told to."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(seconds)
    return "slept"


@app.job(max_attempts=5, backoff=constant(0.01))
def sleeps_deaf(path: str, seconds: float) -> str:
    """Leave the pid in the file `path`, and sleep, whatever it is told."""
    Path(path).write_text(str(os.getpid()))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(end - time.monotonic())
        except BaseException:  # noqa: S112, BLE001, RUF100 - that is the point
            continue
    return "slept"


@app.job(max_attempts=1)
def eats(mib: int) -> int:
    """Hold so much memory, and touch it."""
    return len(bytearray(mib * 1024 * 1024))


@app.job(max_attempts=3)
def returns_no_json() -> object:
    return object()


@app.job(max_attempts=2, backoff=lambda attempt, error: 0.02 * attempt)
def fails_with_function_backoff() -> None:
    raise RuntimeError("always")


@app.job
def snoozes_once(path: str) -> Snooze | int:
    """Ask for another time at the first run, be content at the second."""
    if not os.path.exists(path):
        Path(path).touch()
        return Snooze(0.05)
    return current.get().attempt


@app.job(timeout=0.3, max_attempts=1)
async def blocks_the_loop() -> None:
    """Block the loop, with C code that does not look at signals."""
    sum(range(10**11))
