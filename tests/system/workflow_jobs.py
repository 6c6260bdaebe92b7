"""An app of workflows that leave a line in a file for each thing that they really do."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from runtime import App, AsyncContext, Context, Snooze

app = App()


def effect(path: str, word: str) -> str:
    """Done for real: it leaves a line."""
    with Path(path).open("a") as file:
        file.write(f"{word}\n")
    return word


def wait_at(path: str, gate: str) -> str:
    """Leave a line with this process's pid, and wait for the gate."""
    effect(path, f"at-gate={os.getpid()}")
    while not Path(gate).exists():
        time.sleep(0.01)
    return "through"


async def async_wait_at(path: str, gate: str) -> str:
    """The same."""
    effect(path, f"at-gate={os.getpid()}")
    while not Path(gate).exists():  # noqa: ASYNC110 - another process opens it
        await asyncio.sleep(0.01)
    return "through"


@app.job()
def square(number: int) -> int:
    return number * number


@app.job()
def lasts(path: str) -> None:
    """Until it is told to stop."""
    effect(path, "began")
    time.sleep(600)


@app.job()
def quick() -> None:
    """A plain job among workflows."""


@app.workflow()
def steps(ctx: Context, path: str) -> list[str]:
    return [ctx.step("first", effect, path, "first"), ctx.step("second", effect, path, "second")]


@app.workflow()
async def async_steps(ctx: AsyncContext, path: str) -> list[str]:
    first = await ctx.step("first", effect, path, "first")
    return [first, await ctx.step("second", effect, path, "second")]


@app.workflow()
def sleeper(ctx: Context, path: str, seconds: float) -> float:
    ctx.step("before", effect, path, "before")
    until = ctx.now().timestamp() + seconds
    ctx.sleep(seconds)
    late = time.time() - until
    ctx.step("after", effect, path, "after")
    return late


@app.workflow()
async def async_sleeper(ctx: AsyncContext, path: str, seconds: float) -> float:
    await ctx.step("before", effect, path, "before")
    until = (await ctx.now()).timestamp() + seconds
    await ctx.sleep(seconds)
    late = time.time() - until
    await ctx.step("after", effect, path, "after")
    return late


@app.workflow()
def approval(ctx: Context, path: str) -> list[object]:
    ctx.step("before", effect, path, "before")
    first = ctx.wait_signal("approved")
    return [first, ctx.wait_signal("approved")]


@app.workflow()
async def async_approval(ctx: AsyncContext, path: str) -> list[object]:
    await ctx.step("before", effect, path, "before")
    first = await ctx.wait_signal("approved")
    return [first, await ctx.wait_signal("approved")]


@app.workflow()
def family(ctx: Context, count: int, max_in_flight: int | None = None) -> int:
    one = ctx.run(square, 7)
    return one + sum(ctx.map(square, range(count), max_in_flight=max_in_flight))


@app.workflow()
async def async_family(ctx: AsyncContext, count: int, max_in_flight: int | None = None) -> int:
    one = await ctx.run(square, 7)
    return one + sum(await ctx.map(square, range(count), max_in_flight=max_in_flight))


@app.workflow()
def gated(ctx: Context, path: str, gate: str) -> str:
    ctx.step("before", effect, path, "before")
    word = ctx.step("gate", wait_at, path, gate)
    ctx.step("after", effect, path, "after")
    return word


@app.workflow()
async def async_gated(ctx: AsyncContext, path: str, gate: str) -> str:
    await ctx.step("before", effect, path, "before")
    word = await ctx.step("gate", async_wait_at, path, gate)
    await ctx.step("after", effect, path, "after")
    return word


@app.workflow()
async def waits_for_event(ctx: AsyncContext) -> object:
    return await ctx.wait_event("open")


@app.workflow()
async def parallel(ctx: AsyncContext, path: str) -> list[str]:
    async def one(word: str) -> str:
        await asyncio.sleep(0)
        return effect(path, word)

    return list(await ctx.gather(*(ctx.step(word, one, word) for word in "abc")))


@app.workflow()
def lasting_family(ctx: Context, path: str, count: int) -> None:
    ctx.map(lasts, [path] * count)


@app.workflow()
def lasting_step(ctx: Context, path: str) -> None:
    ctx.step("lasts", lasts, path)


@app.workflow()
async def five_effects(ctx: AsyncContext, path: str, number: int) -> int:
    for step in range(5):
        await ctx.step("effect", effect, path, f"{number}.{step}")
    return number


@app.workflow()
def tired(ctx: Context, path: str, seconds: float) -> list[float]:
    """Waits for a signal; at its second run it is snoozed first, whatever was sent."""
    if ctx.job.run_number == 2:
        effect(path, f"{time.time()}")
        raise Snooze(seconds)
    if ctx.job.run_number > 2:
        effect(path, f"{time.time()}")
    ctx.wait_signal("go")
    ctx.publish("woken", ctx.job.run_number)
    ctx.wait_signal("go")
    return [float(line) for line in Path(path).read_text().split()]


@app.workflow()
async def blocking(ctx: AsyncContext, path: str, gate: str) -> str:
    """A plain function in an async workflow: it must not keep `open_gate` from its turn."""
    return await ctx.step("wait", wait_at, path, gate)


@app.workflow()
async def open_gate(ctx: AsyncContext, gate: str) -> str:
    return await ctx.step("open", effect, gate, "open")
