"""A change of the code between two runs is found, whatever its form; it is never guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runtime import App, Context
from runtime.outcome import Completed, Discarded, Suspended
from tests.workflow.world import World

Body = Callable[[Context], Any]


def before_and_after(before: Body, after: Body) -> tuple[World, str]:
    """Run `before` until it waits, then `after`. Returns what the job was discarded for, or ''."""
    app = App()
    body = [before]

    @app.workflow
    def flow(ctx: Context) -> Any:
        return body[0](ctx)

    world = World(app, "flow")
    assert isinstance(world.run(), Suspended)
    body[0] = after
    outcome = world.run()
    if isinstance(outcome, Discarded):
        assert outcome.failure.error_class == "WorkflowChanged"
        return world, outcome.failure.message
    return world, ""


def one(ctx: Context) -> Any:
    return ctx.step("one", lambda: 1)


def two(ctx: Context) -> Any:
    return ctx.step("two", lambda: 2)


def never(ctx: Context) -> Any:
    raise AssertionError("a step that must not be done")


def then_wait(*parts: Body) -> Body:
    def body(ctx: Context) -> None:
        for part in parts:
            part(ctx)
        ctx.wait_signal("go")

    return body


def forbidden(ctx: Context) -> Any:
    return ctx.step("new", never, ctx)


CHANGES: dict[str, tuple[Body, Body, str]] = {
    "renamed": (
        then_wait(one, two),
        then_wait(one, lambda ctx: ctx.step("deux", never, ctx)),
        "at place 2 this workflow has recorded step 'two', but its code now asks for step 'deux'",
    ),
    "swapped": (
        then_wait(one, two),
        then_wait(two, one),
        "at place 1 this workflow has recorded step 'one', but its code now asks for step 'two'",
    ),
    "inserted": (
        then_wait(one, two),
        then_wait(forbidden, one, two),
        "recorded step 'one', but its code now asks for step 'new'",
    ),
    "removed": (
        then_wait(one, two),
        then_wait(two),
        "recorded step 'one', but its code now asks for step 'two'",
    ),
    "another operation": (
        then_wait(one, two),
        then_wait(one, lambda ctx: ctx.publish("two", 2)),
        "recorded step 'two', but its code now asks for publish 'two'",
    ),
    "ended early": (
        then_wait(one, two),
        one,
        "at place 2 this workflow has recorded step 'two', but its code now asks for nothing: it",
    ),
    "another signal": (
        then_wait(one),
        lambda ctx: (one(ctx), ctx.wait_signal("stop")),
        "recorded signal 'go', but its code now asks for signal 'stop'",
    ),
    "a gather's branch removed": (
        then_wait(lambda ctx: ctx.gather(one, two), one),
        then_wait(lambda ctx: ctx.gather(one), one),
        "",  # found at the end
    ),
    "a gather's branch added": (
        then_wait(lambda ctx: ctx.gather(one, two), one),
        then_wait(lambda ctx: ctx.gather(one, two, forbidden), one),
        "at place 1.2.1 this workflow has recorded nothing, but its code now asks for step 'new'",
    ),
    "a branch grown": (
        then_wait(lambda ctx: ctx.gather(one, two), one),
        then_wait(lambda ctx: ctx.gather(lambda c: (one(c), forbidden(c)), two), one),
        "at place 1.0.2 this workflow has recorded nothing, but its code now asks for step 'new'",
    ),
    "branches swapped": (
        then_wait(lambda ctx: ctx.gather(one, two)),
        then_wait(lambda ctx: ctx.gather(two, one)),
        "recorded step",
    ),
    "a gather made a step": (
        then_wait(lambda ctx: ctx.gather(one, two)),
        then_wait(forbidden),
        "at place 1 this workflow has recorded gather, but its code now asks for step 'new'",
    ),
    "a step made a gather": (
        then_wait(one),
        then_wait(lambda ctx: ctx.gather(forbidden)),
        "at place 1 this workflow has recorded step 'one', but its code now asks for gather",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_found_before_anything_is_done(what: str) -> None:
    before, after, says = CHANGES[what]
    world, told = before_and_after(before, after)
    assert says in told
    assert not any(step.name == "new" for step in world.steps.values())
    if says:
        assert told


def test_a_branch_that_was_removed_is_found_when_the_workflow_ends() -> None:
    both = then_wait(lambda ctx: ctx.gather(one, two))

    def single(ctx: Context) -> None:
        ctx.gather(one)
        ctx.wait_signal("go", timeout=0)

    app = App()
    body = [both]

    @app.workflow
    def flow(ctx: Context) -> Any:
        return body[0](ctx)

    world = World(app, "flow")
    world.run()
    world.send("go")
    body[0] = single
    outcome = world.run()
    assert isinstance(outcome, Discarded)
    assert "at place 1.1.1 this workflow has recorded step 'two'" in outcome.failure.message


def test_what_is_added_behind_everything_recorded_is_no_change() -> None:
    world, told = before_and_after(then_wait(one), then_wait(one))
    assert told == ""
    assert not isinstance(world.outcome, Completed)
    app = App()
    body = [then_wait(one)]

    @app.workflow
    def flow(ctx: Context) -> Any:
        body[0](ctx)
        return two(ctx)

    world = World(app, "flow")
    world.run()
    world.send("go")
    assert world.finish() == Completed("2")


def test_a_change_that_the_code_swallows_is_found_all_the_same() -> None:
    def swallow(ctx: Context) -> str:
        try:
            forbidden(ctx)
        except Exception:
            return "swallowed"
        return "done"

    _, told = before_and_after(then_wait(one), swallow)
    assert "recorded step 'one'" in told


def test_mended_code_goes_on_from_the_history_that_was_kept() -> None:
    world, told = before_and_after(then_wait(one, two), then_wait(two, one))
    assert told
    app = App()

    @app.workflow
    def flow(ctx: Context) -> Any:
        first = ctx.step("one", never, ctx)
        return [first, ctx.step("two", never, ctx), ctx.wait_signal("go")]

    mended = World(app, "flow")
    mended.steps, mended.runs = world.steps, world.runs
    mended.send("go", 3)
    mended.finish()
    assert mended.output == [1, 2, 3]


def test_a_map_of_another_number_of_items_is_a_change() -> None:
    app = App()
    count = [3]

    @app.job
    def child(number: int) -> int:
        return number

    @app.workflow
    def flow(ctx: Context) -> Any:
        return ctx.map(child, range(count[0]))

    world = World(app, "flow")
    world.run()
    count[0] = 4
    outcome = world.run()
    assert isinstance(outcome, Discarded)
    assert "recorded map 'child' of 3 items, but its code now asks for map 'child' of 4 items" in (
        outcome.failure.message
    )
