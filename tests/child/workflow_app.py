"""An app of workflows, to be run in real children."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from runtime import App, AsyncContext, Context, JobCancelled, StepFailed

app = App()


def line(path: str, word: str) -> str:
    """Leave a line."""
    with Path(path).open("a") as file:
        file.write(f"{word}\n")
    return word


@app.workflow
def two(ctx: Context, path: str) -> list[str]:
    return [ctx.step("a", line, path, "a"), ctx.step("b", line, path, "b")]


@app.workflow
async def async_two(ctx: AsyncContext, path: str) -> list[str]:
    return [await ctx.step("a", line, path, "a"), await ctx.step("b", line, path, "b")]


@app.workflow
def many(ctx: Context, count: int) -> int:
    return sum(ctx.step("one", lambda: 1) for _ in range(count))


@app.workflow
def threads(ctx: Context, path: str) -> list[list[str]]:
    pairs = ctx.gather(lambda c: two(c, path), lambda c: two(c, path))
    return [*pairs, [ctx.step("after", line, path, "after")]]


@app.workflow
def held(ctx: Context, path: str, gate: str) -> list[str]:
    """Branches that end when the gate opens."""

    def wait(word: str) -> str:
        line(path, word)
        while not Path(gate).exists():
            time.sleep(0.005)
        return line(path, f"{word} ended")

    return ctx.gather(
        lambda c: c.step("x", wait, "x"),
        lambda c: c.step("y", wait, "y") + c.step("z", wait, "z"),
    )


@app.workflow
def slow(ctx: Context, how: str, path: str) -> str:
    """A step over its time."""

    def work() -> None:
        line(path, "begun")
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if how == "sleeps":
                time.sleep(30)

    try:
        ctx.step("slow", work, timeout=0.05)
    except StepFailed as error:
        return f"{error.error_class}: {error.message}"
    return "in time"


@app.workflow
def slow_thread(ctx: Context) -> list[str]:
    return ctx.gather(lambda c: c.step("a", lambda: "a", timeout=1))


@app.workflow
def undoes(ctx: Context, path: str) -> None:
    """Cleans up when it is cancelled."""
    ctx.step("do", line, path, "do")
    try:
        ctx.step("wait", time.sleep, 30)
    except JobCancelled:
        ctx.step("undo", line, path, "undo")
        raise


@app.workflow
async def async_undoes(ctx: AsyncContext, path: str) -> None:
    await ctx.step("do", line, path, "do")
    try:
        await ctx.step("wait", asyncio.sleep, 30)
    except asyncio.CancelledError:
        await ctx.step("undo", line, path, "undo")
        raise
