"""An app whose handlers tell of themselves, and how they were told to stop."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from runtime import App, JobCancelled, current_job

app = App()
log = logging.getLogger("telling")


@app.job(max_attempts=1)
def tells(gate: str) -> str:
    """Tell of itself, and wait for the gate before it ends."""
    job = current_job()
    job.progress(0.5, "half of it")
    job.store({"rows": [1, 2, 3]})
    log.info("at the gate")
    while not Path(gate).exists():
        time.sleep(0.01)
    log.warning("through the gate")
    job.progress(1.0)
    return "done"


@app.job(max_attempts=1)
def returns_when_cancelled(begun: str) -> int:
    """Swallow the cancellation, and return when it came: nanoseconds of the monotonic clock."""
    try:
        Path(begun).touch()
        time.sleep(600)
    except JobCancelled as error:
        current_job().log(f"told: {error}")
    return time.monotonic_ns()


@app.job(max_attempts=1)
async def returns_when_cancelled_async(begun: str) -> int:
    """As the other. On a busy machine it may seem to block its loop: then it is told as that is."""
    try:
        Path(begun).touch()
        await asyncio.sleep(600)
    except (asyncio.CancelledError, JobCancelled):
        current_job().log(f"told: {current_job().stop_reason}")
    return time.monotonic_ns()


@app.job(max_attempts=1)
def is_deaf(begun: str) -> None:
    """Go on, whatever it is told."""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        try:
            Path(begun).touch()
            time.sleep(600)
        except BaseException:  # noqa: S112, BLE001, RUF100 - that is the point
            continue
