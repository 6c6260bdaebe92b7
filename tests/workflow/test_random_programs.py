"""Any workflow, its process killed at any of its asks, ends as it does undisturbed.

A program is a list of operations. What it sees of the world is collected into its output; each
step that is recorded has run its effect once at least, and once only where nobody died in it.
"""

from __future__ import annotations

import collections
import threading
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from runtime import App, AsyncContext, ChildFailed, Context, EventTimeout, Retry, StepFailed
from runtime.backoff import constant
from runtime.outcome import Completed
from tests.workflow.world import World

Program = list[Any]

leaves = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 9)),
    st.tuples(st.just("fail"), st.integers(0, 9)),
    st.tuples(st.just("flaky"), st.sampled_from([0, 5])),
    st.tuples(st.just("sleep"), st.sampled_from([0, 10])),
    st.tuples(st.just("signal"), st.just(0)),
    st.tuples(st.just("event"), st.just(0)),
    st.tuples(st.just("no event"), st.just(0)),
    st.tuples(st.just("publish"), st.integers(0, 9)),
    st.tuples(st.just("run"), st.integers(-2, 9)),
    st.tuples(st.just("map"), st.integers(0, 5)),
    st.tuples(st.just("start"), st.integers(0, 5)),
    st.tuples(st.just("uuid"), st.just(0)),
    st.tuples(st.just("random"), st.just(0)),
)
programs: st.SearchStrategy[Program] = st.recursive(
    st.lists(leaves, max_size=6),
    lambda inner: st.lists(
        st.one_of(leaves, st.tuples(st.just("gather"), st.lists(inner, max_size=3))), max_size=6
    ),
    max_leaves=12,
)


class Laboratory:
    """An app with one workflow, which executes a program; and what it has really done."""

    def __init__(self, program: Program, is_async: bool) -> None:
        self.program = program
        self.effects: collections.Counter[str] = collections.Counter()
        self.tries: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self.app = App()
        self.app.job(kind="double")(double)
        self.app.workflow(kind="flow")(self.async_flow if is_async else self.flow)

    def effect(self, place: str, value: int) -> int:
        with self._lock:
            self.effects[place] += 1
        return value * 10

    def fail(self, place: str, value: int) -> None:
        self.effect(place, value)
        raise ValueError(f"fails with {value}")

    def flaky(self, place: str) -> str:
        """Fails at the first two tries that it ever has."""
        with self._lock:
            self.tries[place] += 1
            if self.tries[place] <= 2:
                raise OSError("busy")
        return "after all"

    def flow(self, ctx: Context) -> list[Any]:
        return self.execute(ctx, self.program, "")

    async def async_flow(self, ctx: AsyncContext) -> list[Any]:
        return await self.async_execute(ctx, self.program, "")

    def execute(self, ctx: Context, program: Program, prefix: str) -> list[Any]:
        found = []
        for number, (op, what) in enumerate(program):
            place = f"{prefix}{number}"
            if op == "gather":
                calls = [self.branch(each, f"{place}.{i}.") for i, each in enumerate(what)]
                found.append(ctx.gather(*calls))
            else:
                found.append(self.leaf(ctx, op, what, place))
        return found

    def branch(self, program: Program, prefix: str) -> Any:
        return lambda ctx: self.execute(ctx, program, prefix)

    def leaf(self, ctx: Context, op: str, what: int, place: str) -> Any:
        try:
            value = self.operation(ctx, op, what, place)
        except (StepFailed, ChildFailed, EventTimeout) as error:
            return f"{type(error).__name__}: {error}"
        return plain(op, value)

    async def async_execute(self, ctx: AsyncContext, program: Program, prefix: str) -> list[Any]:
        found = []
        for number, (op, what) in enumerate(program):
            place = f"{prefix}{number}"
            if op == "gather":
                calls = [self.async_branch(each, f"{place}.{i}.") for i, each in enumerate(what)]
                found.append(await ctx.gather(*calls))
            else:
                found.append(await self.async_leaf(ctx, op, what, place))
        return found

    def async_branch(self, program: Program, prefix: str) -> Any:
        return lambda ctx: self.async_execute(ctx, program, prefix)

    async def async_leaf(self, ctx: AsyncContext, op: str, what: int, place: str) -> Any:
        try:
            value = await self.operation(ctx, op, what, place)
        except (StepFailed, ChildFailed, EventTimeout) as error:
            return f"{type(error).__name__}: {error}"
        return plain(op, value)

    def operation(self, ctx: Any, op: str, what: int, place: str) -> Any:
        """One operation; of an AsyncContext: what to await."""
        match op:
            case "step":
                return ctx.step(f"step {what}", self.effect, place, what)
            case "fail":
                return ctx.step(f"fail {what}", self.fail, place, what)
            case "flaky":
                tries = Retry(attempts=4, backoff=constant(what))
                return ctx.step("flaky", self.flaky, place, retry=tries)
            case "sleep":
                return ctx.sleep(what)
            case "signal":
                return ctx.wait_signal("tick")
            case "event":
                return ctx.wait_event("opened")
            case "no event":
                return ctx.wait_event("never", timeout=7)
            case "publish":
                return ctx.publish(f"key {what}", place)
            case "run":
                return ctx.run(self.app.handlers["double"], what)
            case "map":
                return ctx.map(self.app.handlers["double"], range(what))
            case "start":
                return ctx.start(self.app.handlers["double"], what)
            case "uuid":
                return ctx.uuid()
            case _:
                return ctx.random()


def double(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return number * 2


def plain(op: str, value: Any) -> Any:
    if op == "random":
        return value.random()
    return str(value) if op in ("uuid", "start") else value


def asks_of(program: Program) -> int:
    """How often it asks, undisturbed, at most."""
    laboratory = Laboratory(program, False)
    world = World(laboratory.app, "flow")
    world.emit("opened")
    world.send("tick")
    world.finish()
    return len(world.asked) + 2


def finished(
    program: Program, is_async: bool, dies: tuple[set[int], set[int]], page: int = 3
) -> Any:
    laboratory = Laboratory(program, is_async)
    world = World(laboratory.app, "flow", page=page)
    world.die_before, world.die_after = dies
    world.emit("opened", "widely")
    for _ in range(40):
        world.send("tick", "tock")
    outcome = world.finish(most=300)
    assert isinstance(outcome, Completed), outcome
    steps = sum(step.op == "step" for step in world.steps.values())
    done = sum(laboratory.effects.values()) + len(laboratory.tries)
    assert steps <= done
    if "gather" not in str(program):
        assert sum(laboratory.effects.values()) <= len(laboratory.effects) + world.deaths
    assert all(step.done for step in world.steps.values())
    jobs = sorted(map(str, world.jobs))
    return world.output, world.published, jobs, sorted(laboratory.effects)


ends = st.sets(st.integers(0, 30), max_size=6)


@settings(max_examples=40, deadline=None)
@given(programs, st.booleans(), ends, ends)
def test_a_workflow_that_is_killed_again_and_again_ends_as_an_undisturbed_one(
    program: Program, is_async: bool, before: set[int], after: set[int]
) -> None:
    undisturbed = finished(program, is_async, (set(), set()))
    assert finished(program, is_async, (before, after)) == undisturbed


@settings(max_examples=20, deadline=None)
@given(programs)
def test_plain_and_async_workflows_come_to_the_same(program: Program) -> None:
    plain_one = finished(program, False, (set(), set()))
    assert finished(program, True, (set(), set())) == plain_one


def test_a_workflow_survives_its_death_at_every_one_of_its_asks() -> None:
    program: Program = [
        ("uuid", 0),
        ("step", 1),
        ("sleep", 10),
        ("gather", [[("step", 2), ("sleep", 10), ("step", 3)], [("signal", 0), ("fail", 1)]]),
        ("flaky", 5),
        ("map", 3),
        ("publish", 1),
        ("run", -1),
        ("random", 0),
        ("start", 1),
        ("event", 0),
        ("no event", 0),
    ]
    undisturbed = finished(program, False, (set(), set()))
    for number in range(asks_of(program)):
        assert finished(program, False, ({number}, set()), 1000) == undisturbed
        assert finished(program, True, (set(), {number}), 1000) == undisturbed
