"""What goes into steps, children and the next round: measured, named, refused or warned of."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest

from runtime import App, AsyncContext, Context, PayloadTooLarge, StepFailed
from runtime.client.messages import new_event, new_signal
from runtime.outcome import Completed, Discarded
from runtime.workflow.inputs import check_input
from tests.workflow.world import JOB_ID, World

MIB = 1024 * 1024
LIMIT = 2 * MIB


def _flow(*args: Any, **kwargs: Any) -> tuple[World, list[str]]:
    """A workflow that hands these to a step, and the errors that it met."""
    app, met = App(), []

    @app.workflow
    def flow(ctx: Context) -> str:
        try:
            return ctx.step("charge", lambda *a, **k: "charged", *args, retry=3, **kwargs)
        except StepFailed as error:
            met.append(error.message)
        ctx.sleep(10)
        return "refused"

    return World(app, "flow"), met


def test_a_step_is_refused_its_too_large_input_once_by_name() -> None:
    world, met = _flow(["x" * 1000] * 2100)
    world.finish()
    assert world.output == "refused"
    assert len(met) == 2  # live and at the replay
    assert met[0] == met[1]
    assert met[0].startswith("input of step 'charge' is 2,106,301 bytes of JSON; the limit is")
    assert world.steps["1"].attempts == 1


def test_keyword_args_count_too_and_a_large_input_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world, _ = _flow("x" * 600_000, body={"text": "y" * 600_000})
    with caplog.at_level(logging.WARNING, "headrace"):
        assert world.finish() == Completed('"charged"')
    assert "input of step 'charge' is 1200013 bytes of JSON" in caplog.text


def test_what_has_no_json_form_is_not_measured(caplog: pytest.LogCaptureFixture) -> None:
    world, _ = _flow(object(), [object()] * 10_000, {"lock": object()}, "small", 5, None)
    with caplog.at_level(logging.WARNING, "headrace"):
        assert world.finish() == Completed('"charged"')
    assert caplog.text == ""


async def _later(text: str) -> int:
    return len(text)


def test_an_async_step_is_refused_alike() -> None:
    app = App()

    @app.workflow
    async def flow(ctx: AsyncContext) -> None:
        await ctx.step("read", _later, "é" * 1_100_000)

    outcome = World(app, "flow").finish()
    assert isinstance(outcome, Discarded)
    assert "input of step 'read' is 2,200,002 bytes" in outcome.failure.message


@attrs.frozen
class Page:
    text: str


@pytest.mark.parametrize(
    ("args", "size"),
    [
        ((Page("x" * LIMIT),), LIMIT + 11),
        ((b"x" * LIMIT,), LIMIT // 3 * 4 + 6),
        ((tuple(range(400_000)),), None),
        (({str(number): number for number in range(400_000)},), None),
        (("small", "\n" * LIMIT), LIMIT * 2 + 9),
        (("x" * MIB, "y" * MIB), LIMIT + 4),
    ],
)
def test_what_is_too_large_is_found_however_it_is_given(
    args: tuple[Any, ...], size: int | None
) -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        check_input("input", args, {}, LIMIT)
    assert caught.value.size == size or size is None
    assert caught.value.size < LIMIT * 3  # it is not written any further


def test_of_long_lists_the_size_is_that_of_the_whole(caplog: pytest.LogCaptureFixture) -> None:
    numbers = list(range(200_000))
    with caplog.at_level(logging.WARNING, "headrace"):
        check_input("it", (numbers, {str(each): each for each in numbers[:1]}), {}, LIMIT)
    assert f"it is {len(str(numbers).replace(' ', '')) + 7} bytes" in caplog.text


def test_a_child_is_refused_its_args_by_name_and_item() -> None:
    app = App()
    met: list[str] = []

    @app.job
    def pack(item: str) -> None:
        """Never run."""

    @app.workflow
    def flow(ctx: Context) -> None:
        large = "x" * LIMIT
        for attempt in (
            lambda: ctx.map(pack, ["a", large]),
            lambda: ctx.run(pack, large),
            lambda: ctx.start(pack, large),
            lambda: ctx.publish("all", large),
        ):
            try:
                attempt()
            except PayloadTooLarge as error:
                met.append(error.field)

    World(app, "flow").finish()
    assert met == [
        "args of child 'pack', item 1",
        "args of child 'pack'",
        "args of job 'pack'",
        "published 'all'",
    ]


def test_the_next_round_is_refused_its_args_by_name() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context, text: str = "") -> None:
        with pytest.raises(PayloadTooLarge, match="args of continue_as_new is 2,"):
            ctx.continue_as_new("x" * LIMIT)

    assert isinstance(World(app, "flow").finish(), Completed)


def test_signals_and_events_are_refused_and_warned_of_by_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(PayloadTooLarge, match="signal 'approved' is 2,"):
        new_signal(JOB_ID, "approved", "x" * LIMIT, None)
    with pytest.raises(PayloadTooLarge, match="event 'rate' is 2,"):
        new_event("rate", "x" * LIMIT)
    with caplog.at_level(logging.WARNING, "headrace"):
        new_signal(JOB_ID, "approved", "x" * MIB, None)
    assert "signal 'approved' is 1048578 bytes" in caplog.text
