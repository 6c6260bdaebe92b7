"""Gather: branches at the same time, each at its own places, whatever order they end in."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from runtime import App, AsyncContext, Context, StepFailed
from runtime.outcome import Discarded, Suspended
from tests.workflow.world import World


def after(seconds: float, name: str, function: Callable[[], Any]) -> Callable[[Context], Any]:
    """A branch that sleeps first."""

    def branch(ctx: Context) -> Any:
        ctx.sleep(seconds)
        return ctx.step(name, function)

    return branch


def test_branches_go_on_at_the_same_time_and_give_their_values_in_order() -> None:
    app = App()
    meeting = threading.Barrier(3, timeout=20)

    @app.workflow
    def flow(ctx: Context) -> list[int]:
        def branch(number: int) -> Any:
            return lambda c: c.step("meet", lambda: (meeting.wait(), number)[1])

        return ctx.gather(*[branch(number) for number in range(3)])

    world = World(app, "flow")
    world.finish()
    assert world.output == [0, 1, 2]
    assert sorted(world.steps) == ["1.0.1", "1.1.1", "1.2.1"]


@pytest.mark.parametrize("first", [0, 1])
def test_places_do_not_depend_on_who_comes_first(first: int) -> None:
    app = App()
    turns = [threading.Event(), threading.Event()]
    turns[first].set()

    @app.workflow
    def flow(ctx: Context) -> list[Any]:
        def branch(number: int) -> Any:
            def call(c: Context) -> list[Any]:
                turns[number].wait(20)
                done = [c.step(f"{number} a", lambda: 1), c.step(f"{number} b", lambda: 2)]
                turns[1 - number].set()
                return done

            return call

        ctx.gather(branch(0), branch(1))
        return [ctx.step("after", lambda: 3)]

    world = World(app, "flow")
    world.finish()
    names = {place: step.name for place, step in world.steps.items()}
    assert names == {
        "1.0.1": "0 a",
        "1.0.2": "0 b",
        "1.1.1": "1 a",
        "1.1.2": "1 b",
        "2": "after",
    }


def test_a_gather_waits_for_the_soonest_of_what_its_branches_wait_for() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> list[Any]:
        return ctx.gather(
            lambda c: c.sleep(100),
            lambda c: c.wait_signal("go"),
            after(50, "work", lambda: "done"),
        )

    world = World(app, "flow")
    outcome = world.run()
    assert isinstance(outcome, Suspended)
    assert outcome.seconds == pytest.approx(50, abs=1)
    world.pass_time(51)
    outcome = world.run()
    assert isinstance(outcome, Suspended)
    assert outcome.seconds == pytest.approx(49, abs=1)
    world.pass_time(50)
    assert isinstance(world.run(), Suspended)
    world.send("go", 5)
    world.finish()
    assert world.output == [None, 5, "done"]


def test_the_first_failed_branch_in_order_is_raised_once_all_have_ended() -> None:
    app = App()
    calls: list[str] = []

    def fail(word: str) -> None:
        calls.append(word)
        raise ValueError(word)

    @app.workflow
    def flow(ctx: Context) -> str:
        try:
            ctx.gather(
                after(5, "slow", lambda: fail("slow")),
                lambda c: c.step("fast", fail, "fast"),
            )
        except StepFailed as error:
            return error.message
        return ""

    world = World(app, "flow")
    assert isinstance(world.run(), Suspended)
    assert calls == ["fast"]
    world.finish()
    assert world.output == "slow"
    assert calls == ["fast", "slow"]


def test_gathers_may_be_nested_and_empty() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> list[Any]:
        ctx.gather()
        return ctx.gather(
            lambda c: c.gather(lambda d: d.step("a", lambda: 1), after(5, "b", lambda: 2)),
            lambda c: c.gather(),
        )

    world = World(app, "flow")
    world.finish()
    assert world.output == [[1, 2], []]
    assert sorted(world.steps) == ["2.0.1.0.1", "2.0.1.1.1", "2.0.1.1.2"]


def test_more_branches_than_threads_all_have_their_turn() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> list[int]:
        def branch(number: int) -> Any:
            return lambda c: c.step("work", lambda: number)

        return ctx.gather(*[branch(number) for number in range(100)])

    world = World(app, "flow")
    world.finish()
    assert world.output == list(range(100))


def test_the_context_outside_is_busy_while_a_gather_goes_on() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.gather(lambda c: ctx.step("a", lambda: 1))

    outcome = World(app, "flow").run()
    assert "one thing at a time" in repr(outcome)


# --- async ----------------------------------------------------------------------------------------


def test_an_async_gather_takes_operations_and_functions() -> None:
    app = App()

    async def later(number: int) -> int:
        await asyncio.sleep(0.001 * (3 - number))
        return number

    @app.workflow
    async def flow(ctx: AsyncContext) -> list[Any]:
        async def branch(c: AsyncContext) -> list[int]:
            return [await c.step("x", later, 1), await c.step("y", lambda: 2)]

        first = await ctx.gather(ctx.step("a", later, 0), ctx.step("b", later, 1), branch)
        await ctx.gather(ctx.sleep(50), ctx.sleep(20))
        return [first, await ctx.gather(branch, branch)]

    world = World(app, "flow")
    world.finish()
    assert world.output == [[0, 1, [1, 2]], [[1, 2], [1, 2]]]
    assert "1.2.2" in world.steps
    assert "3.1.2" in world.steps


def test_a_cancelled_async_gather_ends_its_branches() -> None:
    app = App()
    ended: list[str] = []

    async def for_ever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("ended")

    @app.workflow
    async def flow(ctx: AsyncContext) -> str:
        try:
            async with asyncio.timeout(0.05):
                await ctx.gather(ctx.step("a", for_ever), ctx.step("b", for_ever))
        except TimeoutError:
            return "too long"
        return ""

    world = World(app, "flow")
    world.run()
    assert world.output == "too long"
    assert ended == ["ended", "ended"]


def test_an_async_step_has_its_timeout_and_its_tries() -> None:
    app = App()
    calls: list[float] = []

    async def slow() -> None:
        calls.append(time.monotonic())
        await asyncio.sleep(3600)

    @app.workflow
    async def flow(ctx: AsyncContext) -> None:
        await ctx.step("slow", slow, timeout=0.02)

    outcome = World(app, "flow").run()
    assert isinstance(outcome, Discarded)
    assert "StepTimeout: it took longer than 0.02 s" in outcome.failure.message
    assert len(calls) == 1


def test_an_operation_that_is_not_awaited_is_warned_of_and_one_awaited_twice_is_refused() -> None:
    app = App()

    @app.workflow
    async def flow(ctx: AsyncContext) -> None:
        once = ctx.step("once", lambda: 1)
        await once
        with pytest.raises(RuntimeError, match=r"ctx\.step was awaited already"):
            await once
        with pytest.warns(RuntimeWarning, match=r"ctx\.sleep was never awaited"):
            ctx.sleep(5)

    world = World(app, "flow")
    assert "Completed" in repr(world.run())


def test_every_operation_is_there_for_async_workflows() -> None:
    app = App()

    @app.job
    def double(number: int) -> int:
        return number * 2

    @app.workflow
    async def flow(ctx: AsyncContext, left: int = 1) -> list[Any]:
        found: list[Any] = [await ctx.step("plain", lambda: 1)]
        await ctx.sleep(5)
        await ctx.sleep_until(await ctx.now())
        found.append(await ctx.wait_signal("go"))
        found.append(await ctx.wait_event("opened"))
        await ctx.publish("found", found)
        found.append(await ctx.run(double, 4))
        found.append(await ctx.map(double, [1, 2], max_in_flight=1, failures="all"))
        found.append((await ctx.random()).random() < 1.0)
        found.append((await ctx.uuid()).version)
        await ctx.start(double, 9)
        if left:
            await ctx.continue_as_new(left - 1)
        return found

    world = World(app, "flow")
    world.emit("opened", "e")
    for value in (1, 2):
        world.send("go", value)
    world.finish()
    assert world.output == [1, 2, "e", 8, [2, 4], True, 8]
    assert world.published == {"found": [1, 2, "e"]}
    assert len(world.jobs) == 8
