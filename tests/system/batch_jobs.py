"""Batch handlers for the system tests."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from runtime import App, Batch, BatchJob, constant

app = App()


@dataclass
class Item:
    name: str
    path: str = ""


@app.job(batch=Batch(max_jobs=20, wait_ms=300))
def gather(jobs: list[BatchJob[Item]]) -> list[Any]:
    return [[len(jobs), jobs[0].args.name] for _ in jobs]


@app.job(batch=Batch(max_jobs=20, wait_ms=300, by_key=True), key="name")
def gather_by_key(jobs: list[BatchJob[Item]]) -> list[Any]:
    return [[*sorted({job.args.name for job in jobs}), len(jobs)] for _ in jobs]


@app.job(batch=Batch(max_jobs=20, wait_ms=200), backoff=constant(0.05))
def poisoned(jobs: list[BatchJob[Item]]) -> list[int]:
    if any(job.args.name == "poison" for job in jobs):
        os._exit(7)
    return [len(jobs) for _ in jobs]


@app.job(batch=Batch(max_jobs=2, wait_ms=10_000), timeout=0.3, max_attempts=1)
def stuck(jobs: list[BatchJob[Item]]) -> None:
    jobs[0].complete("in time")
    while True:
        try:
            time.sleep(600)
        except BaseException:  # noqa: S112, BLE001, RUF100 - that is the point
            continue


@app.job(batch=Batch(max_jobs=2, wait_ms=10_000))
def wait(jobs: list[BatchJob[Item]]) -> list[str]:
    for _ in range(6000):
        if os.path.exists(jobs[0].args.path):
            return [job.args.name for job in jobs]
        time.sleep(0.01)
    raise TimeoutError


@app.job(batch=Batch(max_jobs=20, wait_ms=60_000))
def patient(jobs: list[BatchJob[Item]]) -> None:
    """Is not called within a test."""
