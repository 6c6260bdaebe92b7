"""Handlers that complete their jobs in transactions of their own, and die, fail or forget. Their
payloads are encrypted."""

from __future__ import annotations

import os
import signal
from typing import Any

import asyncpg
import psycopg

from runtime import App, constant, current_job
from runtime.codec import AesGcm

KEY = b"0123456789abcdef" * 2
app = App(codec=AesGcm({"k": KEY}))
EFFECT = "INSERT INTO effect (name, run_number) VALUES ('{}', {})"
_left_open: list[psycopg.Connection[Any]] = []


def die_at(place: str, asked: str) -> None:
    if place == asked and current_job().run_number == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@app.job(max_attempts=3, backoff=constant(0.02))
def transfer(url: str, name: str, die: str = "") -> str:
    job = current_job()
    with psycopg.connect(url) as conn:
        conn.execute(EFFECT.format(name, job.run_number).encode())
        die_at("before the statement", die)
        job.complete(conn, output=f"run {job.run_number}")
        die_at("before the commit", die)
    die_at("after the commit", die)
    if die == "raise":
        raise ValueError("after the commit")
    return "not the output"


@app.job(max_attempts=3, backoff=constant(0.02))
async def transfer_async(url: str, name: str, die: str = "") -> None:
    job = current_job()
    conn = await asyncpg.connect(url)
    async with conn.transaction():
        await conn.execute(EFFECT.format(name, job.run_number))
        await job.complete(conn, output=f"run {job.run_number}")
        die_at("before the commit", die)
    die_at("after the commit", die)


@app.job(max_attempts=2, backoff=constant(0.02))
def forgets(url: str, name: str, keep: bool) -> None:
    """Return without a commit, in the first run; and keep the transaction open."""
    job = current_job()
    conn = psycopg.connect(url)
    conn.execute(EFFECT.format(name, job.run_number).encode())
    job.complete(conn)
    if job.run_number > 1:
        conn.commit()
    if keep and job.run_number == 1:
        _left_open.append(conn)
    else:
        conn.close()


@app.job
def doubles(number: int) -> dict[str, int]:
    return {"secret": 2 * number}


@app.job
def close_all() -> int:
    closed = len(_left_open)
    while _left_open:
        _left_open.pop().close()
    return closed
