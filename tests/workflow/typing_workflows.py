"""Read by mypy alone: what type checkers tell a user of workflows.

A line with an ignore comment is an error that must be found: an unused ignore fails the check.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any, assert_type
from uuid import UUID

from runtime import App, AsyncContext, Context, Retry, step
from runtime.client import Client
from runtime.workflow.operation import Operation

app = App()


def charge(order: int, *, cents: int = 0) -> str:
    return f"{order} {cents}"


async def fetch(order: int) -> bytes:
    return b"x" * order


@step
def plain(order: int) -> str:
    return str(order)


@step(name="ship it", retry=3, timeout=5)
async def ship(order: int) -> float:
    return order / 2


@app.job
def resize(path: str, width: int = 0) -> list[int]:
    return [len(path), width]


def branch(ctx: Context) -> str:
    return ctx.step(plain, 1)


@app.workflow
def order(ctx: Context, number: int, note: str = "") -> str:
    assert_type(ctx.step("a", charge, number), str)
    assert_type(ctx.step("a", charge, number, cents=5), str)
    assert_type(ctx.step("a", charge, number, retry=3), str)
    assert_type(ctx.step("a", charge, number, timeout=3), str)
    assert_type(ctx.step("a", charge, number, retry=Retry(attempts=2), timeout=3, cents=5), str)
    assert_type(ctx.step(plain, 5), str)
    ctx.step("a", charge, "x")  # type: ignore[call-overload]
    ctx.step("a", charge)  # type: ignore[call-overload]
    ctx.step(plain, "x")  # type: ignore[call-overload]
    assert_type(ctx.run(resize, "p", width=5), list[int])
    assert_type(ctx.run(resize.with_options(priority=2), "p"), list[int])
    ctx.run(resize, 5)  # type: ignore[arg-type]
    assert_type(ctx.map(resize, ["a", "b"], max_in_flight=5), list[list[int]])
    assert_type(ctx.start(resize, "p"), UUID)
    assert_type(ctx.gather(branch, branch), list[str])
    assert_type(ctx.now(), datetime)
    assert_type(ctx.random(), Random)
    assert_type(ctx.uuid(), UUID)
    assert_type(ctx.wait_signal("x", timeout=5), Any)
    return "done"


@app.workflow(version=2, queue="orders")
async def async_order(ctx: AsyncContext, number: int) -> Sequence[int]:
    assert_type(ctx.step("a", charge, number), Operation[str])
    assert_type(await ctx.step("a", charge, number), str)
    assert_type(await ctx.step("a", fetch, number), bytes)
    assert_type(await ctx.step("a", fetch, number, retry=3), bytes)
    assert_type(await ctx.step("a", charge, number, timeout=3), str)
    assert_type(await ctx.step(ship, 5), float)
    assert_type(await ctx.step(plain, 5), str)
    await ctx.step("a", fetch, "x")  # type: ignore[call-overload]
    assert_type(await ctx.run(resize, "p"), list[int])
    assert_type(await ctx.map(resize, ["a"]), list[list[int]])
    assert_type(await ctx.gather(ctx.step(ship, 1), ctx.step(ship, 2)), list[float])
    return [1]


def enqueue(client: Client) -> None:
    assert_type(client.enqueue(order, 5).result(), str)
    client.enqueue(order, "x")  # type: ignore[call-overload]
    assert_type(client.enqueue(async_order, 5).result(), Sequence[int])
