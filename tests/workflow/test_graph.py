"""Graphs: child jobs that wait for one another, whatever fails, and however often a run dies."""

from __future__ import annotations

from typing import Any

import pytest

from runtime import App, AsyncContext, Context, Graph, GraphFailed, UsageError
from runtime.outcome import Completed, Discarded, Suspended
from tests.workflow.world import World

app = App()


@app.job
def one() -> int:
    return 1


@app.job
def add(numbers: list[int], more: int = 0) -> int:
    if more < 0:
        raise ValueError("negative")
    return sum(numbers) + more


def diamond(more: int = 0, failures: Any = "finish") -> Graph:
    graph = Graph(failures=failures)
    top = graph.add("top", one)
    left = graph.add("left", add, [top, top], more=more)
    right = graph.add("right", add, [top], more=10, after=[top])
    graph.add("bottom", add, [left, right])
    graph.add("beside", one)
    return graph


@app.workflow
def flow(ctx: Context, more: int = 0, failures: str = "finish") -> Any:
    try:
        found = ctx.graph(diamond(more, failures))
    except GraphFailed as error:
        found = {"failed": [*error.failures], "skipped": error.skipped, "outputs": error.outputs}
    return [found, ctx.step("after", lambda: "after")]


@app.workflow
async def async_flow(ctx: AsyncContext, more: int = 0) -> Any:
    return [await ctx.graph(diamond(more)), await ctx.step("after", lambda: "after")]


@app.workflow
def bare(ctx: Context) -> Any:
    return ctx.graph(diamond(-1))


ALL = {"top": 1, "left": 2, "right": 11, "bottom": 13, "beside": 1}


def test_each_job_begins_when_those_before_it_have_ended() -> None:
    world = World(app, "flow")
    assert isinstance(world.run(), Suspended)
    assert [each.name for each in world.open_steps()] == ["top", "beside"]
    top, beside = list(world.jobs)
    world.run_child(top)
    world.run()
    assert [each.name for each in world.open_steps()] == ["beside", "left", "right"]
    world.finish()
    assert world.output == [ALL, "after"]
    assert len(world.jobs) == 5
    assert beside in world.results


def test_an_async_workflow_has_graphs_too() -> None:
    world = World(app, "async_flow")
    world.finish()
    assert world.output == [ALL, "after"]


def test_a_graph_survives_its_death_at_every_ask() -> None:
    undisturbed = World(app, "flow")
    undisturbed.finish()
    for number in range(len(undisturbed.asked)):
        for where in ("die_before", "die_after"):
            world = World(app, "flow")
            setattr(world, where, {number})
            world.finish()
            assert world.output == undisturbed.output
            assert sorted(world.jobs) == sorted(undisturbed.jobs)


def test_what_comes_after_a_failed_job_is_skipped_and_the_rest_goes_on() -> None:
    world = World(app, "flow", more=-1)
    world.finish()
    outputs = {name: ALL[name] for name in ("top", "right", "beside")}
    found = {"failed": ["left"], "skipped": ["bottom"], "outputs": outputs}
    assert world.output == [found, "after"]
    assert world.open_steps() == []


def test_once_a_job_has_failed_nothing_more_begins_if_so_chosen() -> None:
    world = World(app, "flow", more=-1, failures="stop")
    world.run()
    top, _ = list(world.jobs)
    world.run_child(top)
    world.run()
    left = list(world.jobs)[2]
    world.run_child(left)
    world.finish()
    found = world.output[0]
    assert (found["failed"], found["skipped"]) == (["left"], ["bottom"])
    assert world.finish() == world.outcome


def test_an_uncaught_failure_discards_the_workflow() -> None:
    outcome = World(app, "bare").finish()
    assert isinstance(outcome, Discarded)
    assert outcome.failure.error_class == "GraphFailed"
    assert "'left': child job" in outcome.failure.message


def test_what_cannot_be_a_graph_is_refused() -> None:
    graph, other = Graph(), Graph()
    first = graph.add("first", one)
    with pytest.raises(UsageError, match="has a job 'first' already"):
        graph.add("first", one)
    with pytest.raises(UsageError, match="not of its graph"):
        other.add("second", add, [first])
    with pytest.raises(UsageError, match="not of its graph"):
        other.add("second", one, after=["first"])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="is of a handler"):
        graph.add("third", len)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match='"finish" or "stop"'):
        Graph(failures="never")  # type: ignore[arg-type]


def test_an_empty_graph_is_done() -> None:
    small = App()

    @small.workflow
    def empty(ctx: Context) -> Any:
        return ctx.graph(Graph())

    assert World(small, "empty").run() == Completed("{}")
