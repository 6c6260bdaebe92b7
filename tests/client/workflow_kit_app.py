"""Workflows for the test kit and for transactions, with resources and middleware around them."""

from __future__ import annotations

from typing import Any

from runtime import App, AsyncContext, Context, JobCancelled

app = App()
seen: list[Any] = []


@app.around_run
def timed(job: Any, call: Any) -> Any:
    """The args are without the context."""
    seen.append((job.kind, dict(call.args)))
    return call()


@app.job
def double(number: int) -> int:
    return number * 2


@app.workflow(version=2, queue="flows", priority=2)
def flow(ctx: Context, count: int) -> dict[str, Any]:
    total = ctx.step("sum", sum, range(count))
    ctx.sleep(3600)
    doubles = ctx.map(double, range(count), max_in_flight=2)
    name = ctx.wait_signal("name")
    ctx.publish("name", name)
    halves = ctx.gather(lambda c: c.step("x", lambda: 1), lambda c: c.run(double, 4))
    return {"total": total, "doubles": doubles, "name": name, "halves": halves}


@app.workflow
async def async_flow(ctx: AsyncContext, count: int) -> Any:
    total = await ctx.step("sum", lambda: sum(range(count)))
    await ctx.sleep(3600)
    return [total, await ctx.run(double, 5), await ctx.wait_event("opened")]


@app.workflow
def ticks(ctx: Context, left: int = 2) -> int:
    ctx.step("tick", lambda: left)
    ctx.run(double, left)
    if left:
        ctx.continue_as_new(left - 1)
    return left


@app.workflow
def fragile(ctx: Context) -> float:
    """Fails once."""
    first = ctx.step("first", note, "first")
    return ctx.step("divide", lambda: float(len(first) / note(len(seen) - 2)))


@app.workflow(clean_up=True)
def undoes(ctx: Context) -> None:
    """Books, waits for long, and cancels the booking if it is cancelled."""
    ctx.step("book", note, "booked")
    try:
        ctx.gather(lambda c: c.sleep(86_400), lambda c: c.wait_signal("go"))
    except JobCancelled as error:
        ctx.run(double, 5)
        ctx.step("cancel", note, f"booking cancelled: {error}")
        raise


def note(what: Any) -> Any:
    seen.append(what)
    return what
