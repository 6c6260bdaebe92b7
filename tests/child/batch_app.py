"""Batch handlers: what a call may do with its jobs."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Any

from runtime import App, Batch, BatchJob, Snooze, current_job

app = App()
TOGETHER = Batch(max_jobs=8, wait_ms=20)


@dataclass
class Text:
    text: str
    path: str = ""


def tell(path: str, value: object) -> None:
    with open(path + ".new", "w") as file:
        file.write(str(value))
    os.rename(path + ".new", path)


@app.job(batch=TOGETHER, backoff=lambda attempt, _error: 5.0 * attempt)
def measure(jobs: list[BatchJob[Text]]) -> list[Any]:
    """A result for each: a length, a verdict, or an error."""
    special = {"later": Snooze(3), "bad": ValueError("bad"), "odd": object()}
    return [special.get(job.args.text, len(job.args.text)) for job in jobs]


@app.job(batch=TOGETHER)
def mark(jobs: list[BatchJob[Text]]) -> None:
    """Do with each what its text says; the last says what the call does."""
    for job in jobs:
        match job.args.text:
            case "complete":
                job.complete({"size": len(jobs)})
            case "fail":
                job.fail(ValueError("of this one"))
            case "snooze":
                job.snooze(7)
            case "discard":
                job.discard("no use")
            case "cancel":
                job.cancel("not wanted")
            case "twice":
                job.complete()
                job.complete()
            case "raise":
                raise KeyError("of all that are left")
            case "crash":
                os._exit(3)
            case "attempts":
                job.complete([job.attempt, job.context.metadata, current_job().id == jobs[0].id])


@app.job(batch=TOGETHER)
def too_few(jobs: list[BatchJob[Text]]) -> list[int]:
    return [1]


@app.job(batch=TOGETHER)
def wait(jobs: list[BatchJob[Text]]) -> list[str]:
    """Tell that it runs; wait for a file of the first job's path + ".go"."""
    tell(jobs[0].args.path, os.getpid())
    for _ in range(6000):
        if os.path.exists(jobs[0].args.path + ".go"):
            return ["cancelled" if job.cancelled else "done" for job in jobs]
        time.sleep(0.005)
    raise TimeoutError


@app.job(batch=TOGETHER)
async def wait_later(jobs: list[BatchJob[Text]]) -> list[str]:
    tell(jobs[0].args.path, os.getpid())
    for _ in range(6000):
        if os.path.exists(jobs[0].args.path + ".go"):
            return ["cancelled" if job.cancelled else "done" for job in jobs]
        await asyncio.sleep(0.005)
    raise TimeoutError


@app.job(batch=TOGETHER)
async def measure_later(jobs: list[BatchJob[Text]]) -> list[int]:
    await asyncio.sleep(0)
    if jobs[0].args.text == "raise":
        raise ValueError("of all")
    jobs[-1].snooze(4)
    return [len(job.args.text) for job in jobs]


@app.job
def plain(n: int) -> int:
    return n
