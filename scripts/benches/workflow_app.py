"""The workflows of the bench."""

from __future__ import annotations

import time

from runtime import App, AsyncContext, Context

STEPS = 5

app = App("bench")


def nothing() -> None:
    """What a step of it does."""


async def nothing_async() -> None:
    """The same."""


@app.workflow
def five_steps(ctx: Context) -> None:
    """One after the other."""
    for _ in range(STEPS):
        ctx.step("nothing", nothing)


@app.workflow
async def five_steps_async(ctx: AsyncContext) -> None:
    """The same, on asyncio."""
    for _ in range(STEPS):
        await ctx.step("nothing", nothing_async)


@app.workflow(timeout=600)
def many_steps(ctx: Context, steps: int) -> int:
    """So many, and a wait; then when the next one began: microseconds of the monotonic clock."""
    for _ in range(steps):
        ctx.step("nothing", nothing)
    ctx.wait_signal("go")
    return ctx.step("begin", lambda: time.monotonic_ns() // 1000)
