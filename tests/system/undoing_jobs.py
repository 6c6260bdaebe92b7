"""An app of workflows that undo what they did, and leave a line in a file for all that they do."""

from __future__ import annotations

import time

from runtime import App, AsyncContext, Context, JobCancelled
from tests.system.workflow_jobs import async_wait_at, effect, wait_at

app = App()


def stubborn(path: str) -> None:
    """Nothing interrupts it but the end of its process."""
    effect(path, "stubborn")
    while True:
        try:
            time.sleep(600)
        except BaseException:
            effect(path, "told")


@app.job
def lasts(path: str) -> None:
    effect(path, "child")
    time.sleep(600)


def _undo(ctx: Context, path: str, why: str) -> None:
    """Longer than the grace of the node, and in another run."""
    ctx.step("undo", effect, path, f"undo: {why}")
    ctx.sleep(0.3)
    ctx.step("slowly", time.sleep, 0.8)
    ctx.step("undone", effect, path, "undone")


@app.workflow(clean_up=True)
def trip(ctx: Context, path: str, gate: str, how: str) -> str:
    ctx.step("book", effect, path, "book")
    try:
        if how == "signal":
            ctx.wait_signal("go")
        elif how == "sleep":
            ctx.sleep(3600)
        elif how == "children":
            ctx.map(lasts, [path])
        elif how == "stubborn":
            ctx.step("stubborn", stubborn, path)
        elif how == "trip":
            ctx.run(trip, path, gate, "signal")
        else:
            ctx.step("gate", wait_at, path, gate)
    except JobCancelled as error:
        _undo(ctx, path, str(error))
        if how == "sleep":
            return "well"  # and yet it stays cancelled
        raise
    ctx.step("went", effect, path, "went")
    return "arrived"


@app.workflow(clean_up=True)
async def async_trip(ctx: AsyncContext, path: str, gate: str, how: str) -> None:
    await ctx.step("book", effect, path, "book")
    try:
        if how == "gate":
            await ctx.step("gate", async_wait_at, path, gate)
        else:
            await ctx.wait_signal("go")
    except JobCancelled as error:
        await ctx.step("undo", effect, path, f"undo: {error}")
        await ctx.sleep(1.2)
        await ctx.step("undone", effect, path, "undone")
        raise


@app.workflow
def counts(ctx: Context, path: str, count: int) -> int:
    for number in range(count):
        ctx.step("count", effect, path, str(number))
        ctx.step("rest", time.sleep, 0.02)
    return count


@app.workflow
def naps(ctx: Context, path: str, seconds: float) -> object:
    ctx.sleep(seconds)
    effect(path, "woken")
    return ctx.wait_signal("go", timeout=3600)
