"""An app of jobs that make up graphs."""

from __future__ import annotations

from typing import Any

from runtime import App, AsyncContext, Context, Graph, constant
from tests.system.workflow_jobs import effect, wait_at

app = App()


@app.job
def number(value: int) -> int:
    return value


@app.job
async def total(parts: list[int], path: str = "", word: str = "") -> int:
    if path:
        effect(path, word)
    return sum(parts)


@app.job(max_attempts=10, backoff=constant(0.05))
def gated(value: int, path: str, gate: str) -> int:
    wait_at(path, gate)
    return value + 1


@app.job(max_attempts=1)
def fails(*, why: str) -> int:
    raise ValueError(why)


def layers(width: int) -> Graph:
    """So many jobs, as many after all of them, and one that sums their outputs up."""
    graph = Graph()
    first = [graph.add(f"a{n}", number, n) for n in range(width)]
    second = [graph.add(f"b{n}", number, n, after=first) for n in range(width)]
    graph.add("sum", total, second)
    return graph


def around_a_gate(path: str, gate: str) -> Graph:
    graph = Graph()
    before = graph.add("before", total, [1, 2], path, "before")
    held = graph.add("held", gated, before, path, gate)
    beside = graph.add("beside", number, 10)
    graph.add("after", total, [held, beside], path, "after")
    return graph


@app.workflow
def flow(ctx: Context, width: int) -> Any:
    return ctx.graph(layers(width))["sum"]


@app.workflow
async def async_flow(ctx: AsyncContext) -> Any:
    graph = Graph()
    bad = graph.add("bad", fails, why="it must")
    graph.add("instead", number, bad.or_else(7))
    graph.add("told", total, [bad.or_else(1), bad.or_else(2)])
    skipped = graph.add("skipped", number, bad)
    graph.add("far", number, skipped)
    try:
        await ctx.graph(graph)
    except Exception as error:
        return [type(error).__name__, error.outputs, error.skipped]  # type: ignore[attr-defined]
