"""The app of the campaigns: a handler that leaves a line when it begins and one when it ends."""

from __future__ import annotations

import os
import time

from runtime import App, constant, current_job

app = App("campaigns", max_crashes=1000)  # children are killed from outside here


@app.job(max_attempts=1000, backoff=constant(0.01))
def traced(path: str, seconds: float) -> int:
    """Keep a core busy for a while; the number of this run is the output."""
    run = current_job()
    note(path, f"begun {run.id} {run.run_number}")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    note(path, f"ended {run.id} {run.run_number}")
    return run.run_number


@app.job(max_attempts=1000, backoff=constant(0.01))
def rests(path: str, seconds: float) -> int:
    """Take so long, in the first run, and leave the same lines."""
    run = current_job()
    note(path, f"begun {run.id} {run.run_number}")
    if run.run_number == 1:
        time.sleep(seconds)
    note(path, f"ended {run.id} {run.run_number}")
    return run.run_number


def note(path: str, text: str) -> None:
    """Leave a line, with the time and our pid: whole, or not so if we are killed.

    A write that crosses a page can be cut off there; so that the next line is not part of it, each
    begins with an end of line.
    """
    line = f"\n{time.monotonic_ns()} {os.getpid()} {text}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
    os.close(descriptor)
