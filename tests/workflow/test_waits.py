"""Sleeping, signals, events, and beginning anew: a wait holds no worker, and comes out the same."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from runtime import App, AsyncContext, Context, EventTimeout, RunStopped, SignalTimeout, Snooze
from runtime.outcome import Completed, Discarded, Snoozed, Suspended
from runtime.workflow.history import SNOOZED
from runtime.workflow.records import Record
from runtime.workflow.suspend import suspend_in, suspend_of
from tests.workflow.world import World


def test_a_sleep_ends_the_run_until_its_time() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> str:
        ctx.sleep(3600)
        return "slept"

    world = World(app, "flow")
    outcome = world.run()
    assert isinstance(outcome, Suspended)
    assert outcome.seconds == pytest.approx(3600, abs=1)
    world.pass_time(3000)
    outcome = world.run()  # woken for nothing
    assert isinstance(outcome, Suspended)
    assert outcome.seconds == pytest.approx(600, abs=1)
    world.pass_time(601)
    assert isinstance(world.run(), Completed)


def test_a_short_sleep_is_slept_in_the_process() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.sleep(0.01)
        ctx.sleep(0)

    assert isinstance(World(app, "flow").run(), Completed)


def test_signals_that_have_come_before_are_taken_in_one_run() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> list[Any]:
        return [ctx.wait_signal("go") for _ in range(20)]

    world = World(app, "flow")
    for number in range(20):
        world.send("go", number)
    assert isinstance(world.finish(), Completed)
    assert world.output == list(range(20))
    assert world.runs == 2, "the first run has not looked; it waits"


def test_the_time_is_the_databases_from_the_first_operation_on() -> None:
    app = App()

    @app.workflow
    def plain(ctx: Context) -> float:
        return ctx.now().timestamp()

    @app.workflow
    async def sleeps(ctx: AsyncContext) -> None:
        await ctx.sleep_until(datetime.fromtimestamp(1_700_000_000 + 500, UTC))

    told = World(app, "plain").finish()
    assert isinstance(told, Completed)
    assert abs(float(told.output or 0) - 1_700_000_000) < 100
    outcome = World(app, "sleeps").run()
    assert isinstance(outcome, Suspended)
    assert outcome.seconds == pytest.approx(500, abs=1)


def test_a_sleep_until_a_time_is_by_the_databases_clock() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.step("a", lambda: 1)
        ctx.sleep(0.001)
        ctx.sleep_until(datetime.fromtimestamp(1_700_000_000 + 500, UTC))
        ctx.sleep_until(datetime(1999, 1, 1, tzinfo=UTC))

    world = World(app, "flow")
    outcome = world.run()
    assert isinstance(outcome, Suspended)
    assert outcome.seconds == pytest.approx(500, abs=1)
    assert isinstance(world.finish(), Completed)


def test_a_sleep_that_is_over_is_closed_before_the_run_waits_again() -> None:
    """Or whoever looks for what can go on would wake the workflow for ever."""
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.sleep(10)
        ctx.wait_signal("go")

    world = World(app, "flow")
    world.run()
    world.pass_time(11)
    world.run()
    assert [each.op for each in world.open_steps()] == ["signal"]
    assert not any(world.can_go_on(each) for each in world.open_steps())
    world.run()
    assert not any(world.can_go_on(each) for each in world.open_steps())


@pytest.mark.parametrize("before", [True, False])
def test_a_signal_may_come_before_and_after_the_wait(before: bool) -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> Any:
        return ctx.wait_signal("approved")

    world = World(app, "flow")
    if before:
        world.send("approved", {"by": "ann"})
    assert world.run() == Suspended(None, "signal approved")
    if not before:
        world.send("approved", {"by": "ann"})
    assert isinstance(world.run(), Completed)
    assert world.output == {"by": "ann"}
    assert world.signals == []


def test_signals_are_taken_in_order_each_once_by_name() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> list[Any]:
        taken = [ctx.wait_signal("a"), ctx.wait_signal("b")]
        ctx.sleep(5)
        return [*taken, ctx.wait_signal("a")]

    world = World(app, "flow")
    for name, value in (("a", 1), ("a", 2), ("b", 3), ("c", 4)):
        world.send(name, value)
    world.finish()
    assert world.output == [1, 3, 2]
    assert [each.name for each in world.signals] == ["c"]


def test_a_signal_that_does_not_come_in_time_is_the_same_error_at_every_replay() -> None:
    app = App()
    seen: list[str] = []

    @app.workflow
    def flow(ctx: Context) -> str:
        try:
            ctx.wait_signal("approved", timeout=60)
        except SignalTimeout as error:
            seen.append(f"{error.name}: {error}")
        ctx.sleep(5)
        return "late"

    world = World(app, "flow")
    outcome = world.run()
    assert isinstance(outcome, Suspended)
    assert outcome.seconds == pytest.approx(60, abs=1)
    world.pass_time(61)
    world.run()
    world.send("approved", "too late")
    world.finish()
    assert world.output == "late"
    assert set(seen) == {"approved: no signal 'approved' has come in time"}
    assert len(seen) == 3


def test_a_signal_that_has_come_goes_before_its_timeout() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> Any:
        return ctx.wait_signal("approved", timeout=60)

    world = World(app, "flow")
    world.run()
    world.send("approved", "just in time")
    world.pass_time(61)
    world.run()
    assert world.output == "just in time"


def test_an_uncaught_timeout_discards_the_job() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> Any:
        return ctx.wait_signal("approved", timeout=0)

    outcome = World(app, "flow").finish()
    assert isinstance(outcome, Discarded)
    assert outcome.failure.error_class == "SignalTimeout"


def test_an_event_is_for_everybody_and_its_value_is_kept() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> list[Any]:
        first = ctx.wait_event("opened")
        ctx.sleep(5)
        try:
            ctx.wait_event("closed", timeout=5)
        except EventTimeout:
            return [first, ctx.wait_event("opened")]
        return []

    world = World(app, "flow")
    assert isinstance(world.run(), Suspended)
    world.emit("opened", "by ann")
    world.run()
    world.events["opened"] = '"changed"'
    world.finish()
    assert world.output == ["by ann", "changed"]


def test_nothing_is_recorded_twice_by_a_run_that_is_woken_for_nothing() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.step("a", lambda: 1)
        ctx.wait_signal("never")

    world = World(app, "flow")
    world.run()
    before = [each for each in world.asked if isinstance(each, Record)]
    world.run()
    assert [each for each in world.asked if isinstance(each, Record)] == before


def test_a_swallowed_suspension_suspends_all_the_same() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> str:
        try:
            ctx.sleep(50)
        except BaseException:
            return "swallowed"
        return "slept"

    world = World(app, "flow")
    assert isinstance(world.run(), Suspended)
    world.finish()
    assert world.output == "slept"


def test_a_suspension_passes_through_a_task_group() -> None:
    app = App()

    @app.workflow
    async def flow(ctx: AsyncContext) -> str:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_slept(ctx))
        return task.result()

    world = World(app, "flow")
    outcome = world.run()
    assert isinstance(outcome, Suspended)
    assert outcome.seconds == pytest.approx(50, abs=1)
    world.finish()
    assert world.output == "slept"


async def _slept(ctx: AsyncContext) -> str:
    await ctx.sleep(50)
    return "slept"


def test_what_outlives_its_run_can_ask_nothing_more() -> None:
    app = App()
    kept: list[Context] = []

    @app.workflow
    def flow(ctx: Context) -> None:
        kept.append(ctx)

    world = World(app, "flow")
    world.run()
    with pytest.raises(RunStopped, match="the run has ended"):
        kept[0].step("late", lambda: 1)
    assert world.asked == []


def test_a_job_begins_anew_with_other_args_and_no_history() -> None:
    app = App()
    ids: list[str] = []

    @app.workflow
    def flow(ctx: Context, round_number: int = 0) -> int:
        ids.append(str(ctx.uuid()))
        ctx.step("work", lambda: round_number)
        ctx.sleep(60)
        if round_number < 3:
            ctx.continue_as_new(round_number + 1)
        return round_number

    world = World(app, "flow")
    world.finish()
    assert world.output == 3
    assert len(set(ids)) == 4
    assert [each.name for each in world.steps.values() if each.place == "0"] == ["3"]
    assert len(world.steps) == 4


def test_a_suspension_is_found_however_deep_it_is_nested() -> None:
    error: BaseException = suspend_in(5)
    other: BaseException = ValueError("no suspension")
    for _ in range(3_000):
        error = BaseExceptionGroup("around", [error])
        other = BaseExceptionGroup("around", [other])
    assert suspend_of(error) is not None
    assert suspend_of(other) is None


@pytest.mark.parametrize("how", ["raised", "returned", "late"])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_snooze_of_a_workflow_that_waits_is_recorded(how: str, is_async: bool) -> None:
    app = App()

    def snoozes(ctx: Context | AsyncContext) -> object:
        if ctx.job.run_number != 2:
            return None
        if how == "returned":
            return Snooze(60)
        raise Snooze(60)

    @app.workflow
    def flow(ctx: Context) -> object:
        if how == "late":
            ctx.step("a", lambda: 1)
        return snoozes(ctx) or ctx.wait_signal("go")

    @app.workflow
    async def later(ctx: AsyncContext) -> object:
        if how == "late":
            await ctx.step("a", lambda: 1)
        return snoozes(ctx) or await ctx.wait_signal("go")

    world = World(app, "later" if is_async else "flow")
    assert isinstance(world.run(), Suspended)
    assert world.run() == Snoozed(60)
    assert world.steps[SNOOZED].until == pytest.approx(world.now + 60, abs=5)
    assert not world.steps[SNOOZED].done
    world.send("go", 7)
    assert world.run() == Completed("7")


def test_a_snooze_of_a_workflow_that_waits_for_nothing_is_not() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.step("a", lambda: 1)
        raise Snooze(60)

    world = World(app, "flow")
    assert isinstance(world.run(), Snoozed)
    assert list(world.steps) == ["1"]


def test_a_suspension_says_what_is_waited_for() -> None:
    app = App()

    @app.job
    def pack() -> None: ...

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.gather(
            lambda ctx: ctx.wait_signal("go", timeout=50),
            lambda ctx: ctx.wait_event("rate"),
            lambda ctx: ctx.sleep(90),
            lambda ctx: ctx.run(pack),
        )

    world = World(app, "flow")
    for _ in range(2):  # when it begins to wait, and when it goes on waiting
        outcome = world.run()
        assert isinstance(outcome, Suspended)
        assert outcome.waits == "signal go, event rate, sleep, run pack"
