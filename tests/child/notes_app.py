"""An app whose handlers tell of themselves."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from pathlib import Path
from typing import Any

from runtime import App, current_job

app = App()
log = logging.getLogger("notes.app")


@app.job
def counts(steps: int, pause: float) -> int:
    """Tell of each step."""
    job = current_job()
    for step in range(steps):
        job.progress((step + 1) / steps, f"step {step + 1}")
        time.sleep(pause)
    return steps


@app.job
async def counts_async(steps: int, pause: float) -> int:
    job = current_job()
    for step in range(steps):
        job.progress((step + 1) / steps, f"step {step + 1}")
        await asyncio.sleep(pause)
    await asyncio.to_thread(job.log, "from a thread")
    return steps


@app.job
def tells_once_and_works(path: str) -> None:
    """The second note comes too soon after the first, and nothing after it."""
    job = current_job()
    job.progress(0.1)
    job.progress(0.2, "at work")
    while not Path(path).exists():
        time.sleep(0.005)


@app.job
def logs(lines: int, size: int = 0) -> None:
    for number in range(lines):
        log.info("line %d%s", number, "x" * size)


@app.job
def logs_of_all_sorts() -> None:
    log.debug("not let through")
    log.info("let through")
    logging.getLogger().warning("of the root")
    try:
        raise ValueError("oops")
    except ValueError:
        log.exception("went wrong")
    log.info("cannot be %d formatted", "x")
    current_job().log("its own", "NOTICE")
    thread = threading.Thread(target=current_job().log, args=("of a thread",))
    thread.start()
    thread.join()


@app.job
def stores(value: Any) -> None:
    current_job().store(value)


@app.job
def stores_too_much(size: int) -> None:
    current_job().store("x" * size)


@app.job
def progresses_wrongly() -> None:
    current_job().progress(float("nan"))


@app.job
def tells_for_ever(path: str) -> None:
    """Until it is told to stop: as often as it can, from two threads."""
    job = current_job()
    Path(path).touch()

    def helper() -> None:
        while not job.stopping:
            job.log("helper" * 20)

    thread = threading.Thread(target=helper)
    thread.start()
    try:
        while True:
            job.log("main" * 20)
            job.progress(0.5)
    finally:
        thread.join()


@app.job
def is_watched_by_a_thread(path: str, seen: str) -> None:
    """The main thread is in C, and looks at no signal; a helper asks."""
    job = current_job()

    def helper() -> None:
        Path(path).touch()
        while not job.stopping:
            time.sleep(0.002)
        Path(seen).write_text(f"{job.stop_reason} {job.cancelled}")

    thread = threading.Thread(target=helper)
    thread.start()
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 500_000)
    thread.join()


@app.job
def tells_its_time() -> list[float | None]:
    job = current_job()
    left, deadline = job.seconds_left, job.deadline
    return [left, None if deadline is None else deadline.timestamp() - time.time()]


@app.job
def tells_after_its_end() -> None:
    job = current_job()
    job.log("before")
    threading.Timer(0.05, job.log, ("after",)).start()
