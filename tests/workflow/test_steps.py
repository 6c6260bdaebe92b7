"""Steps: what is recorded and replayed, what is done again, and how it fails."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from runtime import App, Context, Discard, Retry, StepFailed, UsageError, constant, step
from runtime.outcome import Completed, Discarded, Failed, Suspended
from runtime.workflow.records import Record, Refused
from tests.workflow.world import World


class Effects:
    """Counts calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __call__(self, word: Any) -> Any:
        self.calls.append(word)
        return word


def test_a_step_that_ran_is_not_run_again() -> None:
    app, effects = App(), Effects()

    @app.workflow
    def flow(ctx: Context, word: str) -> Any:
        first = ctx.step("first", effects, word)
        ctx.sleep(100)
        return first + ctx.step("second", lambda: effects(first + "!"))

    world = World(app, "flow", word="a")
    world.finish()
    assert world.output == "aa!"
    assert effects.calls == ["a", "a!"]
    assert world.runs == 2
    assert list(world.steps) == ["1", "2", "3"]


def test_a_step_whose_record_was_not_heard_is_run_again() -> None:
    app, effects = App(), Effects()

    @app.workflow
    def flow(ctx: Context) -> list[str]:
        return [ctx.step("a", effects, "a"), ctx.step("b", effects, "b")]

    world = World(app, "flow")
    world.die_before = {1}
    world.finish()
    assert (world.output, effects.calls) == (["a", "b"], ["a", "b", "b"])


def test_nothing_is_done_before_the_step_before_is_recorded() -> None:
    app, effects = App(), Effects()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.step("a", effects, "a")
        ctx.step("b", effects, "b")

    world = World(app, "flow")
    world.refuse = lambda ask: Refused("lost", "no longer yours")
    outcome = world.run()
    assert effects.calls == ["a"]
    assert "GivenBack" in repr(outcome)


def test_a_name_may_be_used_again_and_again() -> None:
    app, effects = App(), Effects()

    @app.workflow
    def flow(ctx: Context) -> list[int]:
        found = []
        for number in range(5):
            found.append(ctx.step("again", effects, number))
            ctx.sleep(10)
        return found

    world = World(app, "flow")
    world.finish()
    assert world.output == effects.calls == [0, 1, 2, 3, 4]


@attrs.frozen
class Receipt:
    number: int
    at: datetime


def test_a_result_comes_back_as_its_annotation_says_in_every_run() -> None:
    app = App()
    seen: list[Any] = []

    def buy(number: int) -> Receipt:
        return Receipt(number, datetime(2026, 1, 1, tzinfo=UTC))

    @app.workflow
    def flow(ctx: Context) -> None:
        receipt = ctx.step("buy", buy, 5)
        seen.append(receipt)
        seen.append(ctx.step("pair", lambda: (1, 2)))
        seen.append(ctx.step("nothing", lambda: None))
        ctx.sleep(5)

    World(app, "flow").finish()
    once = [Receipt(5, datetime(2026, 1, 1, tzinfo=UTC)), [1, 2], None]
    assert seen == once + once


def test_a_failed_step_is_the_same_error_live_and_at_replay() -> None:
    app = App()
    seen: list[StepFailed] = []

    def fail() -> None:
        raise ZeroDivisionError("of\0course")

    @app.workflow
    def flow(ctx: Context) -> str:
        try:
            ctx.step("pay", fail)
        except StepFailed as error:
            seen.append(error)
        ctx.sleep(1)
        return "caught"

    world = World(app, "flow")
    world.finish()
    assert world.output == "caught"
    live, replayed = seen
    assert isinstance(live.__cause__, ZeroDivisionError)
    assert vars(live) == vars(replayed)
    assert str(live) == str(replayed)
    assert (live.name, live.error_class, live.message) == (
        "pay",
        "ZeroDivisionError",
        "of\\x00course",
    )


def test_a_failed_step_that_nobody_catches_discards_the_job() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.step("pay", lambda: 1 / 0)

    outcome = World(app, "flow").run()
    assert isinstance(outcome, Discarded)
    assert outcome.failure.error_class == "StepFailed"
    assert "ZeroDivisionError" in outcome.failure.trace


def test_an_error_of_the_workflow_itself_is_retried_and_replays() -> None:
    app, effects = App(), Effects()
    broken = [True]

    @app.workflow
    def flow(ctx: Context) -> str:
        ctx.step("a", effects, "a")
        if broken:
            broken.pop()
            raise ValueError("a bug")
        return "well"

    world = World(app, "flow")
    assert isinstance(world.run(), Failed)
    assert world.run() == Completed('"well"')
    assert effects.calls == ["a"]


class Flaky:
    """Fails so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise OSError(f"try {self.calls}")
        return "well"


def test_a_soon_retry_is_waited_for_in_the_process() -> None:
    app, flaky = App(), Flaky(2)

    @app.workflow
    def flow(ctx: Context) -> str:
        return ctx.step("flaky", flaky, retry=Retry(attempts=3, backoff=constant(0.001)))

    world = World(app, "flow")
    world.finish()
    assert (world.output, world.runs, flaky.calls) == ("well", 1, 3)
    assert world.steps["1"].attempts == 3


def test_a_late_retry_holds_no_worker_and_its_tries_are_counted_over_runs() -> None:
    app, flaky = App(), Flaky(10)

    @app.workflow
    def flow(ctx: Context) -> str:
        return ctx.step("flaky", flaky, retry=Retry(attempts=4, backoff=constant(60)))

    world = World(app, "flow")
    first = world.run()
    assert isinstance(first, Suspended)
    assert first.seconds == pytest.approx(60, abs=1)
    assert not world.steps["1"].done
    assert world.steps["1"].attempts == 1
    early = world.run()  # woken for nothing
    assert isinstance(early, Suspended)
    assert flaky.calls == 1
    outcome = world.finish()
    assert isinstance(outcome, Discarded)
    assert "try 4" in outcome.failure.message
    assert flaky.calls == 4


def test_what_is_not_to_be_retried_is_not() -> None:
    app, flaky = App(), Flaky(10)

    @app.workflow
    def flow(ctx: Context) -> str:
        return ctx.step("flaky", flaky, retry=Retry(attempts=4, give_up_on=OSError))

    assert isinstance(World(app, "flow").run(), Discarded)
    assert flaky.calls == 1


def test_a_verdict_raised_in_a_step_ends_the_run_and_is_no_result() -> None:
    app = App()

    def give_up() -> None:
        raise Discard("no use")

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.step("try", give_up, retry=5)

    world = World(app, "flow")
    outcome = world.run()
    assert isinstance(outcome, Discarded)
    assert outcome.failure.message == "no use"
    assert world.steps == {}


def test_a_result_that_is_too_large_is_refused_by_name_and_not_tried_again() -> None:
    app, effects = App(), Effects()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.step("read", lambda: effects("x" * 3_000_000), retry=3)

    world = World(app, "flow")
    outcome = world.finish()
    assert isinstance(outcome, Discarded)
    assert "PayloadTooLarge: output of step 'read' is 3,000,002 bytes" in outcome.failure.message
    assert len(effects.calls) == 1


def test_a_large_result_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.step("read", lambda: "x" * 1_500_000)

    with caplog.at_level(logging.WARNING, "headrace"):
        World(app, "flow").finish()
    assert "output of step 'read' is 1500002 bytes of JSON" in caplog.text


def test_a_decorated_step_has_its_name_and_options_and_stays_a_function() -> None:
    app = App()
    calls: list[int] = []

    @step(name="charge card", retry=Retry(attempts=2, backoff=constant(0)))
    def charge(amount: int) -> int:
        calls.append(amount)
        if len(calls) == 1:
            raise OSError("busy")
        return amount * 2

    @step
    def plain() -> str:
        return "plain"

    @app.workflow
    def flow(ctx: Context) -> list[Any]:
        return [ctx.step(charge, 5), ctx.step(plain), ctx.step("again", plain)]

    world = World(app, "flow")
    world.finish()
    assert world.output == [10, "plain", "plain"]
    assert [each.name for each in world.steps.values()] == ["charge card", "plain", "again"]
    assert charge(7) == 14


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda ctx: ctx.step("", print), "a step's name"),
        (lambda ctx: ctx.step("a"), "takes a name and a function"),
        (lambda ctx: ctx.step(print), "takes a name and a function"),
        (lambda ctx: ctx.step("a", 5), "takes a function"),
        (lambda ctx: ctx.step("a", print, retry=0), "whole number from 1"),
        (lambda ctx: ctx.step("a", print, timeout=-1), "timeout is -1"),
        (lambda ctx: ctx.sleep(-1), "a wait is -1"),
        (lambda ctx: ctx.sleep(float("inf")), "a wait is inf"),
        (lambda ctx: ctx.sleep_until(datetime(2026, 1, 1)), "time zone"),
        (lambda ctx: ctx.wait_signal(""), "signal's name"),
        (lambda ctx: ctx.run(print), "a child job is of a handler"),
        (lambda ctx: ctx.map(print, []), "a child job is of a handler"),
        (lambda ctx: ctx.sleep(timedelta(days=500_000)), "wait for 0 to"),
    ],
)
def test_what_cannot_be_is_said_at_once(wrong: Any, says: str) -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        with pytest.raises(UsageError, match=says):
            wrong(ctx)

    world = World(app, "flow")
    assert isinstance(world.run(), Completed)
    assert world.asked == []


def test_the_context_does_one_thing_at_a_time() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.step("outer", lambda: ctx.step("inner", lambda: 1))

    outcome = World(app, "flow").run()
    assert isinstance(outcome, Discarded)
    assert "one thing at a time" in outcome.failure.message


def test_a_plain_workflow_refuses_to_await() -> None:
    app = App()

    async def later() -> int:
        return 1

    @app.workflow
    def flow(ctx: Context) -> None:
        _ = ctx.step("later", later)

    outcome = World(app, "flow").run()
    assert isinstance(outcome, Discarded)
    assert "make it async def" in outcome.failure.message


def test_what_goes_along_is_recorded_with_the_next_step() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> list[str]:
        ids = [str(ctx.uuid()), str(ctx.random().random()), ctx.now().isoformat()]
        ctx.sleep(0.001)
        ctx.step("a", lambda: 1)
        ctx.sleep(5)
        return ids

    world = World(app, "flow")
    world.finish()
    first, second, _ = [each for each in world.asked if isinstance(each, Record)][:3]
    assert [each.op for each in first.steps] == ["uuid", "random", "now"]
    assert [each.op for each in second.steps] == ["sleep", "step"]
    replayed = World(app, "flow")
    replayed.steps, replayed.runs = world.steps, 5
    replayed.finish()
    assert replayed.output == world.output


def test_published_values_are_told_once() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> None:
        ctx.publish("stage", "one")
        ctx.sleep(5)
        ctx.publish("stage", {"name": "two"})
        ctx.publish("done", None)

    world = World(app, "flow")
    world.run()
    assert world.published == {"stage": "one"}
    world.finish()
    assert world.published == {"stage": {"name": "two"}, "done": None}
