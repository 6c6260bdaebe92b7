"""A small app of its own for these tests: what a child may meet, one handler each."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import ctypes
import inspect
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec

from runtime.child import current
from runtime.errors import Interrupted, JobCancelled, JobTimeout, RunStopped
from runtime.job import KindInfo
from runtime.outcome import Cancel, Discard, Snooze


class SmallHandler:
    """The least that a child needs of a handler."""

    namespace = "headrace"

    def __init__(self, function: Callable[..., Any]) -> None:
        self.kind = function.__name__
        self.is_async = inspect.iscoroutinefunction(function)
        self._function = function

    def info(self) -> KindInfo:
        return KindInfo(self.kind, self.is_async)

    def call(self, args_json: str, /) -> Any:
        return self._function(**msgspec.json.decode(args_json, type=dict[str, Any]))

    def encode_output(self, value: Any, /) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def backoff_for(self, attempt: int, error: BaseException, /) -> float | None:
        if isinstance(error, LookupError):
            raise ZeroDivisionError("in the backoff function")
        return 7.5 * attempt if isinstance(error, ArithmeticError) else None

    def gives_up_on(self, error: BaseException, /) -> bool:
        return isinstance(error, UnicodeError)

    @property
    def error_hooks(self) -> tuple[Any, ...]:
        return ()


class SmallApp:
    """Handlers by kind."""

    def __init__(self) -> None:
        self.handlers: dict[str, SmallHandler] = {}

    def job(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.handlers[function.__name__] = SmallHandler(function)
        return function


app = SmallApp()
AT_IMPORT = random.random()


class OddError(Exception):
    """An error of the user's own."""


# --- values and errors ----------------------------------------------------------------------------


@app.job
def give(value: Any = None) -> Any:
    return value


@app.job
def give_letters(count: int) -> str:
    return "x" * count


@app.job
def give_verdict(name: str) -> Any:
    return {"snooze": Snooze(2.5), "discard": Discard("why"), "cancel": Cancel("no")}[name]


@app.job
def raise_verdict(name: str) -> Any:
    raise give_verdict(name)


@app.job
def raise_error(name: str, message: str = "") -> None:
    errors: dict[str, type[BaseException]] = {
        "ValueError": ValueError,
        "OddError": OddError,
        "SystemExit": SystemExit,
        "KeyboardInterrupt": KeyboardInterrupt,
        "ZeroDivisionError": ZeroDivisionError,
        "KeyError": KeyError,
    }
    raise errors[name](message)


@app.job
def raise_unstorable() -> None:
    raise ValueError("bad \0 \ud800 value")


@app.job
def recurse() -> None:
    recurse()


@app.job
def give_unwritable() -> Any:
    return object()


@app.job
def give_deep() -> Any:
    value: Any = None
    for _ in range(100_000):
        value = [value]
    return value


@app.job
def context() -> Any:
    job = current.get()
    return [
        str(job.id),
        job.kind,
        job.queue,
        job.attempt,
        job.max_attempts,
        job.run_number,
        job.metadata,
        repr(job),
    ]


_seen: ContextVar[int] = ContextVar("seen", default=0)


@app.job
def count_in_context() -> int:
    """How often this was called in the same context."""
    _seen.set(_seen.get() + 1)
    return _seen.get()


# --- the process ----------------------------------------------------------------------------------


@app.job
def look_around() -> dict[str, Any]:
    """What the process is like."""
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "group": os.getpgid(0),
        "stdin": sys.stdin.read(1),
        "affinity": affinity,
        "random": random.random(),
        "at_import": AT_IMPORT,
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "MKL_NUM_THREADS": os.environ.get("MKL_NUM_THREADS"),
        "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        "oom_score_adj": int(open("/proc/self/oom_score_adj").read()),
    }


@app.job
def leave(status: int) -> None:
    os._exit(status)


@app.job
def segfault() -> None:
    ctypes.string_at(0)


@app.job
def send_signal(number: int) -> None:
    os.kill(os.getpid(), number)


@app.job
def take_memory(mib: int) -> int:
    return len(bytearray(mib * 1024 * 1024))


@app.job
def close_everything() -> None:
    os.closerange(0, 256)


@app.job
def write_garbage() -> None:
    print("to stdout, which is nobody's socket")
    for fd in range(3, 64):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as sock:
            if sock.family == socket.AF_UNIX and sock.type == socket.SOCK_STREAM:
                sock.send(b"GET / HTTP/1.1\r\n\r\n")


@app.job
def fork_and_return() -> int:
    """In two processes. The copy returns 0."""
    return os.fork()


@app.job
async def async_fork_and_return() -> int:
    return os.fork()


@app.job
def fork_and_raise() -> int:
    """As one does who forgets that the copy, too, is in the middle of a handler."""
    pid = os.fork()
    if pid == 0:
        raise OddError("of the copy")
    return pid


@app.job
def truncate_shared_memory() -> None:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("/memfd:headrace-page"):
                os.ftruncate(int(name), 0)


@app.job
def have_itself_traced() -> None:
    """By its parent: each signal stops it."""
    ctypes.CDLL(None).ptrace(0, 0, None, None)
    os.kill(os.getpid(), signal.SIGUSR2)
    time.sleep(600)


@app.job
def start_program(seconds: float) -> int:
    return subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"]).pid


@app.job
def run_program(path: str, seconds: float) -> None:
    """Start a program, tell its pid in a file, wait for it."""
    program = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])
    tell(path, program.pid)
    program.wait()


# --- handlers that go on --------------------------------------------------------------------------


def tell(path: str, value: object) -> None:
    """Write `value` to a file, all at once."""
    with open(path + ".new", "w") as file:
        file.write(str(value))
    os.rename(path + ".new", path)


@app.job
def wait_for(path: str) -> None:
    while not os.path.exists(path):
        time.sleep(0.001)


@app.job
def loop_for_ever(path: str = "") -> None:
    if path:
        tell(path, os.getpid())
    while True:
        pass


@app.job
def sleep_for_ever(path: str = "") -> None:
    if path:
        tell(path, os.getpid())
    time.sleep(600)


@app.job
def swallow(times: int, plates: str) -> int:
    """Eat that many interrupts, a file in `plates` for each, then return how many were eaten."""
    eaten = 0
    while True:
        try:
            Path(plates, str(eaten)).touch()
            if eaten == times:
                return eaten
            time.sleep(600)
        except BaseException:
            eaten += 1


@app.job
def fail_cleaning_up(path: str) -> None:
    try:
        tell(path, os.getpid())
        time.sleep(600)
    finally:
        raise OddError("while cleaning up")


@app.job
def wrap_interrupt(path: str) -> None:
    try:
        tell(path, os.getpid())
        time.sleep(600)
    except Interrupted as error:
        raise OddError("wrapped") from error


@app.job
def except_exception(path: str) -> None:
    tell(path, os.getpid())
    while True:
        with contextlib.suppress(Exception):
            time.sleep(600)


@app.job
def raise_timeout_itself() -> None:
    raise JobTimeout("a limit of its own")


@app.job
def raise_stop_itself() -> None:
    raise RunStopped("by nobody")


@app.job
async def async_raise_stop_itself() -> None:
    raise RunStopped("by nobody")


@app.job
def hold_gil() -> None:
    """C code that never returns and keeps the GIL: no Python runs, no signal handler either."""
    collections.deque(itertools.repeat(0), maxlen=0)


@app.job
def ignore_signals() -> None:
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)


# --- async ----------------------------------------------------------------------------------------

_meeting: list[asyncio.Event] = []


@app.job
async def meet(people: int) -> int:
    """Return once that many runs are here at the same time."""
    here = asyncio.Event()
    _meeting.append(here)
    if len(_meeting) == people:
        for each in _meeting:
            each.set()
    await here.wait()
    return people


@app.job
async def async_give(value: Any = None) -> Any:
    await asyncio.sleep(0)
    return value


@app.job
async def async_raise(message: str) -> None:
    await asyncio.sleep(0)
    raise OddError(message)


@app.job
async def async_leave() -> None:
    raise SystemExit(3)


@app.job
async def async_snooze() -> None:
    raise Snooze(1.0)


@app.job
async def async_sleep() -> None:
    await asyncio.sleep(600)


@app.job
async def async_cancel_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


@app.job
async def async_swallow(times: int) -> int:
    eaten = 0
    while eaten < times:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            eaten += 1
    return eaten


@app.job
async def async_wrap() -> None:
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError as error:
        raise OddError("wrapped") from error


@app.job
async def async_block() -> None:
    """Block the loop, as an async handler must not."""
    while True:
        time.sleep(0.001)


@app.job
async def async_context() -> Any:
    await asyncio.sleep(0)
    return current.get().run_number


@app.job
def cleans_up(path: str) -> str:
    """Take a while to clean up, once it is told to stop."""
    try:
        Path(path).touch()
        time.sleep(600)
    except JobCancelled:
        Path(path).with_suffix(".told").touch()
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            time.sleep(0.01)
    return "cleaned up"
