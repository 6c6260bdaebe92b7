"""The app of the tests of failure policies and resources."""

from __future__ import annotations

import os
import signal
import time

from runtime import App, Context, Discard, Resources, Snooze, constant, current_job
from runtime.child.context import JobContext

soon = constant(0.02)
app = App(backoff=soon, max_attempts=3)

_ERRORS: dict[str, type[BaseException]] = {
    each.__name__: each
    for each in (OSError, TimeoutError, ValueError, KeyError, RuntimeError, LookupError)
}


@app.on_error
def tell(job: JobContext, error: BaseException) -> None:
    """Leave a line in the file that the job's metadata name; fail on a RuntimeError."""
    path = job.metadata.get("told")
    if path:
        with open(path, "a") as file:
            file.write(f"{job.kind} {job.attempt} {type(error).__name__}\n")
    if isinstance(error, RuntimeError):
        raise ZeroDivisionError("in the hook")


@app.job(retry_on=OSError)
def picky(error: str) -> None:
    raise _ERRORS[error]("picky")


@app.job(discard_on=(ValueError, LookupError))
def stern(error: str) -> None:
    raise _ERRORS[error]("stern")


@app.job(backoff={OSError: soon, TimeoutError: constant(3600)})
def by_type(error: str) -> None:
    raise _ERRORS[error]("by type")


def verdict(job: JobContext, error: BaseException) -> Discard | Snooze | None:
    if isinstance(error, KeyError):
        return Discard("a key will not appear")
    if isinstance(error, TimeoutError) and job.run_number == 1:
        return Snooze(0.02)
    return None


@app.job(on_error=verdict, max_attempts=1)
def hooked(error: str) -> None:
    raise _ERRORS[error]("hooked")


@app.job(max_attempts=25)
def kills_itself() -> None:
    os.kill(os.getpid(), 9)


@app.job(max_crashes=2)
def dies_hooked(how: str) -> None:
    """Of a signal, or with an exit status."""
    if how.isdecimal():
        os._exit(int(how))
    os.kill(os.getpid(), signal.Signals[how])


@app.job(max_attempts=25, max_crashes=1)
def exits_once() -> None:
    os._exit(0)


@app.job(resources=Resources(memory_mib=120), max_attempts=25, max_crashes=1)
def eats(mib: int) -> int:
    """Take so much memory, piece by piece, and touch it."""
    pieces = []
    for _ in range(mib // 8):
        pieces.append(bytearray(8 * 1024 * 1024))
        time.sleep(0.005)
    return sum(map(len, pieces))


@app.job(resources=Resources(cpu_timeout=0.3), max_attempts=1)
def computes_in_c() -> None:
    sum(range(10**11))


@app.job(resources=Resources(cpu_timeout=0.3), max_attempts=1)
def computes() -> None:
    while True:
        pass


@app.job(resources=Resources(cpu_timeout=0.3), max_attempts=1)
def waits(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@app.job
def burns(seconds: float) -> int:
    """Keep a core busy for so long by its own clock; returns its process."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return os.getpid()


@app.job(max_attempts=1)
def lasts(seconds: float) -> None:
    time.sleep(seconds)


@app.job(resources=Resources(nice=5))
def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


@app.job
def not_nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def _noted(path: str, seconds: float) -> None:
    with open(path, "a") as file:
        file.write(f"{time.monotonic()} begun {current_job().kind}\n")
    time.sleep(seconds)
    with open(path, "a") as file:
        file.write(f"{time.monotonic()} ended {current_job().kind}\n")


@app.job(resources=Resources(cores=2))
def wide(path: str, seconds: float) -> None:
    _noted(path, seconds)


@app.job(resources=Resources(cores=64))
def wider_than_the_node(path: str, seconds: float) -> None:
    _noted(path, seconds)


@app.job
def narrow(path: str, seconds: float) -> None:
    _noted(path, seconds)


def hang_in_c_once(run_number: int) -> str:
    """At the first run in code that hears no signal."""
    if run_number == 1:
        sum(range(10**11))
    return "through"


@app.workflow()
def hanging_step(ctx: Context) -> str:
    return ctx.step("hang", hang_in_c_once, ctx.job.run_number, timeout=0.2)
