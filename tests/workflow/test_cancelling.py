"""A workflow that cleans up is told of its cancellation where it waits, at every replay alike."""

from __future__ import annotations

from typing import Any

import pytest

from runtime import CANCEL, App, AsyncContext, Context, JobCancelled
from runtime.outcome import Cancelled, Completed, Discarded, Suspended
from tests.workflow.world import World


def app_of(waits: Any, done: list[str]) -> App:
    """A workflow that waits so, and undoes what it did, waiting between."""
    app = App()

    @app.job
    def double(number: int) -> int:
        return number * 2

    @app.workflow(clean_up=True)
    def flow(ctx: Context) -> str:
        ctx.step("do", done.append, "do")
        try:
            waits(ctx, app)
        except JobCancelled as error:
            ctx.step("undo", done.append, f"undo: {error}")
            ctx.sleep(100)
            ctx.step("undone", done.append, "undone")
            raise
        return "well"

    return app


def gathers(ctx: Context, app: App) -> None:
    def grows(c: Context) -> None:
        c.sleep(10)
        c.step("grown", lambda: 1)
        c.sleep(10_000)
        c.step("never", lambda: 1)

    ctx.gather(
        lambda c: c.sleep(5000),
        grows,
        lambda c: c.map(app.handlers["double"], range(3)),
        lambda c: c.step("done", lambda: 1),
    )


WAITS: dict[str, Any] = {
    "sleep": lambda ctx, app: ctx.sleep(5000),
    "signal": lambda ctx, app: ctx.wait_signal("go"),
    "event": lambda ctx, app: ctx.wait_event("go"),
    "child": lambda ctx, app: ctx.run(app.handlers["double"], 5),
    "gather": gathers,
}


@pytest.mark.parametrize("what", WAITS)
def test_it_is_told_where_it_waits_and_may_wait_while_it_cleans_up(what: str) -> None:
    done: list[str] = []
    world = World(app_of(WAITS[what], done), "flow")
    assert isinstance(world.run(), Suspended)
    if what == "gather":
        world.pass_time(11)
        world.run()
    assert "0.0.1" in world.steps
    world.send(CANCEL, "no longer wanted")
    told = world.run()
    assert isinstance(told, Suspended)
    assert [each.op for each in world.open_steps()] == ["sleep"]
    assert not any(world.can_go_on(each) for each in world.open_steps())
    outcome = world.finish()
    assert isinstance(outcome, Cancelled)
    assert outcome.failure.message == "no longer wanted"
    assert done == ["do", "undo: no longer wanted", "undone"]
    assert world.open_steps() == []


@pytest.mark.parametrize("what", WAITS)
def test_it_is_told_all_the_same_when_it_dies_on_the_way(what: str) -> None:
    for number in range(3, 14):
        for where in ("die_before", "die_after"):
            done: list[str] = []
            world = World(app_of(WAITS[what], done), "flow")
            world.run()
            world.send(CANCEL, "no longer wanted")
            setattr(world, where, {number})
            outcome = world.finish()
            assert isinstance(outcome, Cancelled), (number, where)
            assert outcome.failure.message == "no longer wanted"
            assert set(done) == {"do", "undo: no longer wanted", "undone"}


def test_one_that_does_not_swallow_it_is_cancelled_and_one_that_does_goes_on() -> None:
    app = App()

    @app.workflow(clean_up=True)
    async def stubborn(ctx: AsyncContext) -> str:
        try:
            await ctx.sleep(1000)
        except JobCancelled:
            await ctx.step("no", lambda: 1)
        return "went on"

    @app.workflow(clean_up=True)
    async def lets(ctx: AsyncContext) -> None:
        await ctx.sleep(1000)

    for kind, ends in (("stubborn", Completed), ("lets", Cancelled)):
        world = World(app, kind)
        world.run()
        world.send(CANCEL)
        assert isinstance(world.finish(), ends)


def test_others_take_no_notice() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> str:
        ctx.sleep(1000)
        return "well"

    world = World(app, "flow")
    world.run()
    world.send(CANCEL)
    world.finish()
    assert world.output == "well"
    assert "0.0.1" not in world.steps


@pytest.mark.parametrize("expired", [False, True])
def test_who_is_cancelled_or_late_is_told_the_same_way_and_once(expired: bool) -> None:
    done: list[str] = []
    world = World(app_of(WAITS["signal"], done), "flow")
    world.run()
    why = "its deadline (expires_at) came" if expired else "enough"
    world.ending = (not expired, None if expired else why, expired)
    outcome = world.finish()
    assert isinstance(outcome, Discarded if expired else Cancelled)
    assert outcome.failure is not None
    assert (outcome.failure.error_class, outcome.failure.message) == (
        "Expired" if expired else "JobCancelled",
        why,
    )
    assert done == ["do", f"undo: {why}", "undone"]


@pytest.mark.parametrize("reason", ["cancel", "expired"])
def test_an_interrupted_run_leaves_the_clean_up_to_the_next(reason: str) -> None:
    app = App()
    done: list[str] = []

    @app.workflow(clean_up=True)
    def flow(ctx: Context) -> str:
        try:
            ctx.step("work", work)
        except JobCancelled:
            ctx.step("undo", done.append, "undo")
            raise
        return "well"

    def work() -> None:
        assert world.steps["0.0.1"].done is False, "from now on there is something to undo"
        world.reason = reason
        raise JobCancelled("told")

    world = World(app, "flow")
    outcome = world.run()
    assert isinstance(outcome, Suspended)
    assert (outcome.seconds, done) == (0, [])
    world.reason, world.ending = None, (True, "enough", False)
    assert isinstance(world.finish(), Cancelled)
    assert done == ["undo"]
    assert {step.op for step in world.steps.values()} == {"signal", "step"}


def test_a_late_one_that_does_not_let_it_pass_is_discarded_all_the_same() -> None:
    app = App()

    @app.workflow(clean_up=True)
    def stubborn(ctx: Context) -> str:
        try:
            ctx.sleep(1000)
        except JobCancelled:
            ctx.step("no", lambda: 1)
        return "went on"

    world = World(app, "stubborn")
    world.run()
    world.ending = (False, None, True)
    assert isinstance(world.finish(), Discarded)
