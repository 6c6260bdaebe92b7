"""Graphs: child jobs that wait for one another, whatever fails, and however often a run dies."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from runtime import (
    App,
    ArgsInvalid,
    AsyncContext,
    Batch,
    BatchJob,
    Context,
    Graph,
    GraphFailed,
    UsageError,
)
from runtime.codec import AesGcm
from runtime.outcome import Completed, Discarded, Suspended
from runtime.workflow.graph_plan import planned
from runtime.workflow.records import Spawn
from tests.workflow.world import JOB_ID, World

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


def _uuid(data: bytes) -> UUID:
    return UUID(bytes=data)


ALL = {"top": 1, "left": 2, "right": 11, "bottom": 13, "beside": 1}


def test_all_jobs_are_inserted_at_once_with_what_each_comes_after() -> None:
    world = World(app, "flow")
    assert isinstance(world.run(), Suspended)
    (step,) = world.open_steps()
    assert (step.op, step.name) == ("map", "graph")
    ids = dict(zip(ALL, world.jobs, strict=True))
    held = {name for name, job_id in ids.items() if world.jobs[job_id][1].held}
    assert held == {"left", "right", "bottom"}
    after = [([*map(_uuid, each.needed)], [*map(_uuid, each.waiting)]) for each in world.after]
    assert after == [
        ([ids["top"]], [ids["left"], ids["right"]]),
        ([ids["left"], ids["right"]], [ids["bottom"]]),
    ]
    world.finish()
    assert world.output == [ALL, "after"]
    assert len(world.jobs) == 5
    assert sum(isinstance(ask, Spawn) for ask in world.asked) == 1


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
    world.finish()
    found = world.output[0]
    assert (found["failed"], found["skipped"]) == (["left"], ["right", "bottom"])
    assert world.finish() == world.outcome


def test_a_job_may_begin_although_what_it_needs_has_failed() -> None:
    small = App()

    @small.job
    def fail() -> int:
        raise ValueError("no")

    @small.job
    def show(value: Any, other: Any = None) -> Any:
        return [value, other]

    @small.workflow
    def tolerant(ctx: Context) -> Any:
        graph = Graph()
        bad, good = graph.add("bad", fail), graph.add("good", show, 1)
        graph.add("instead", show, bad.or_else({"none": True}), good)
        graph.add("none", show, [bad, good, 5], on_failure="run")
        graph.add("told", show, bad.outcome, good.outcome)
        late = graph.add("skipped", show, bad)
        graph.add("behind", show, 0, after=[late.or_else()])
        graph.add("never", show, bad.or_else(0), other=[bad])
        try:
            ctx.graph(graph)
        except GraphFailed as error:
            return [[*error.failures], error.skipped, error.outputs]

    world = World(small, "tolerant")
    world.finish()
    good = {"state": "completed", "output": [1, None], "error_class": "", "message": ""}
    failed = {"state": "discarded", "output": None, "error_class": "ValueError", "message": "no"}
    outputs = {
        "good": [1, None],
        "instead": [{"none": True}, [1, None]],
        "none": [[None, [1, None], 5], None],
        "told": [failed, good],
        "behind": [0, None],
    }
    assert world.output == [["bad"], ["skipped", "never"], outputs]


def test_outputs_too_large_to_be_kept_twice_are_asked_for_again() -> None:
    small = App()

    @small.job
    def long(size: int) -> str:
        return "x" * size

    @small.workflow
    def large(ctx: Context) -> Any:
        graph = Graph()
        for number in range(4):
            graph.add(str(number), long, 400_000)
        outputs = ctx.graph(graph)
        ctx.sleep(60)
        return {name: len(text) for name, text in outputs.items()}

    world = World(small, "large")
    world.finish()
    assert world.output == dict.fromkeys("0123", 400_000)
    assert len(world.steps["1"].output or "") < 1000


def test_a_sealed_output_is_put_into_sealed_args() -> None:
    sealed = App(codec=AesGcm({"k": bytes(range(32))}))

    @sealed.job
    def secret() -> str:
        return "hush"

    @sealed.job
    async def louder(texts: list[str]) -> str:
        return "".join(texts).upper()

    @sealed.workflow
    def quiet(ctx: Context) -> Any:
        graph = Graph()
        graph.add("louder", louder, [graph.add("secret", secret), "!"])
        return ctx.graph(graph)

    world = World(sealed, "quiet")
    world.finish()
    assert isinstance(world.outcome, Completed)
    stored = [job.args for _, job in world.jobs.values()] + [world.outcome.output]
    assert not any("$inputs" in str(text) or "hush" in str(text) for text in stored)
    text = sealed.sealer.unseal("output", str(world.outcome.output), "quiet", JOB_ID)
    assert msgspec.json.decode(text) == {"secret": "hush", "louder": "HUSH!"}


def test_a_thousand_jobs_after_a_thousand_others_share_one_dependency() -> None:
    graph = Graph()
    first = [graph.add(f"a{number}", one) for number in range(1000)]
    second = [graph.add(f"b{number}", one, after=first) for number in range(999)]
    graph.add("end", add, second)
    plan = planned(graph, JOB_ID, "1")
    assert [(len(each.needed), len(each.waiting)) for each in plan.after] == [(1000, 999), (999, 1)]


def test_args_that_only_look_like_gaps_are_args() -> None:
    small = App()

    @small.job
    def keep(**fields: Any) -> Any:
        return fields

    @small.workflow
    def odd(ctx: Context) -> Any:
        return ctx.run(keep, **{"$inputs": {"args": 1}})

    world = World(small, "odd")
    world.finish()
    assert world.output == {"$inputs": {"args": 1}}


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
    with pytest.raises(UsageError, match='"skip" or "run"'):
        graph.add("third", one, on_failure="go")  # type: ignore[arg-type]


def test_what_cannot_wait_in_a_graph_is_refused() -> None:
    small = App()

    @small.job(key="value", sequence=True)
    def in_order(value: str) -> None:
        """Nothing."""

    @small.job(batch=Batch(max_jobs=10))
    def together(jobs: list[BatchJob[dict[str, int]]]) -> None:
        """Nothing."""

    @small.job(unique=True)
    def alone() -> None:
        """Nothing."""

    graph = Graph()
    graph.add("late", in_order, "x", after=[graph.add("first", one)])
    with pytest.raises(UsageError, match="of a sequence"):
        planned(graph, JOB_ID, "1")
    graph = Graph()
    graph.add("late", together, number=graph.add("first", one))
    with pytest.raises(UsageError, match="of a batch handler"):
        planned(graph, JOB_ID, "1")
    graph = Graph()
    graph.add("alone", alone)
    with pytest.raises(UsageError, match="unique"):
        planned(graph, JOB_ID, "1")
    graph = Graph()
    graph.add("wrong", add, "no list")
    with pytest.raises(ArgsInvalid, match="numbers"):
        planned(graph, JOB_ID, "1")


def test_an_empty_graph_is_done() -> None:
    small = App()

    @small.workflow
    def empty(ctx: Context) -> Any:
        return ctx.graph(Graph())

    assert World(small, "empty").run() == Completed("{}")
