"""The soft part of the kill ladder: an exception raised in a handler that goes on too long."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from runtime import wire
from runtime.outcome import Cancelled, Completed, Failed, GivenBack, Outcome
from tests.child.steering import Steered, eventually, told

ENDLESS = ["loop_for_ever", "sleep_for_ever", "except_exception"]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where a handler tells that it has begun."""
    return tmp_path / "here"


async def interrupted(child: Steered, reason: str, kind: str, here: Path) -> Outcome:
    seq = await child.hand(kind, path=str(here))
    await told(here)
    here.unlink()
    await child.interrupt(seq, reason, "over 3 s")
    return await child.answer(seq)


@pytest.mark.parametrize("kind", ENDLESS)
async def test_a_timeout_fails_the_run(child: Steered, kind: str, here: Path) -> None:
    outcome = await interrupted(child, "timeout", kind, here)

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "JobTimeout"
    assert outcome.failure.message == "over 3 s"
    assert f"in {kind}" in outcome.failure.trace
    assert "runtime/child" not in outcome.failure.trace


async def test_a_cancel_cancels_the_run(child: Steered, here: Path) -> None:
    outcome = await interrupted(child, "cancel", "loop_for_ever", here)

    assert isinstance(outcome, Cancelled)
    assert outcome.failure.error_class == "JobCancelled"
    assert outcome.failure.message == "over 3 s"


async def test_a_stop_gives_the_run_back(child: Steered, here: Path) -> None:
    assert await interrupted(child, "stop", "sleep_for_ever", here) == GivenBack("over 3 s")


@pytest.mark.parametrize("kind", ["fail_cleaning_up", "wrap_interrupt"])
async def test_an_error_that_comes_of_an_interrupt_counts_as_the_interrupt(
    child: Steered, kind: str, here: Path
) -> None:
    assert await interrupted(child, "stop", kind, here) == GivenBack("over 3 s")
    failed = await interrupted(child, "timeout", kind, here)

    assert isinstance(failed, Failed)
    assert failed.failure.error_class == "JobTimeout"
    assert "OddError" in failed.failure.trace


async def test_a_handler_that_swallows_an_interrupt_gets_it_again_each_time_it_is_told(
    child: Steered, tmp_path: Path
) -> None:
    seq = await child.hand("swallow", times=3, plates=str(tmp_path))
    for number in range(3):
        await eventually((tmp_path / str(number)).exists)
        await child.interrupt(seq, "timeout")

    assert await child.answer(seq) == Completed("3")
    assert await child.run("give", value=1) == Completed("1")


async def test_an_interrupt_for_a_run_that_waits_is_its_answer_at_its_turn(
    child: Steered, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    first = await child.hand("wait_for", path=str(go))
    second = await child.hand("loop_for_ever", path=str(tmp_path / "second"))
    third = await child.hand("give", value=3)
    await child.begun(first)
    await child.interrupt(second, "cancel", "unwanted")
    assert await child.child.dump_stack()  # signals come in order: the ring has struck
    go.touch()

    assert await child.answer(first) == Completed(None)
    cancelled = await child.answer(second)
    assert isinstance(cancelled, Cancelled)
    assert cancelled.failure.message == "unwanted"
    assert await child.answer(third) == Completed("3")
    assert not (tmp_path / "second").exists()


async def test_an_interrupt_that_comes_with_its_run_is_the_answer(child: Steered) -> None:
    frame = child.frame("loop_for_ever")
    stop = wire.Interrupt(frame.seq, "stop", "draining")
    await child.child.send(wire.encode(stop) + wire.encode(frame))

    assert await child.answer(frame.seq) == GivenBack("draining")


async def test_an_interrupt_after_the_end_changes_nothing(child: Steered) -> None:
    seq = await child.hand("give", value=1)
    await child.answer(seq)
    await child.interrupt(seq, "timeout")

    assert await child.run("give", value=2) == Completed("2")
    assert await child.run("give", value=3) == Completed("3")


async def test_rings_without_an_interrupt_disturb_nothing(child: Steered) -> None:
    for n in range(300):
        child.child.ring()
        assert await child.run("give", value=n) == Completed(str(n))


async def test_interrupts_at_any_moment_end_a_run_once_and_never_the_next_one(
    child: Steered,
) -> None:
    """Each run is interrupted at about its end: it is completed or failed, and no other is."""
    for n in range(300):
        seq = await child.hand("give", value=n)
        if n % 3:
            await trio.lowlevel.checkpoint()
        await child.interrupt(seq, "timeout")
        outcome = await child.answer(seq)

        assert outcome == Completed(str(n)) or (
            isinstance(outcome, Failed) and outcome.failure.error_class == "JobTimeout"
        )
    assert await child.run("give", value="last") == Completed('"last"')


async def test_a_handler_may_raise_a_timeout_of_its_own(child: Steered) -> None:
    outcome = await child.run("raise_timeout_itself")

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "JobTimeout"


async def test_a_handler_that_cleans_up_is_left_alone_until_it_is_told_again(
    child: Steered, here: Path
) -> None:
    """There are more rings than frames: each frame is followed by one, and one goes before it."""
    seq = await child.hand("cleans_up", path=str(here))
    await told(here)
    await child.interrupt(seq, "cancel")
    await told(here.with_suffix(".told"))
    for _ in range(5):
        child.child.ring()
        await trio.sleep(0.02)
    assert await child.answer(seq) == Completed('"cleaned up"')

    here.unlink()
    here.with_suffix(".told").unlink()
    seq = await child.hand("cleans_up", path=str(here))
    await told(here)
    await child.interrupt(seq, "cancel")
    await told(here.with_suffix(".told"))
    await child.interrupt(seq, "cancel")
    assert isinstance(await child.answer(seq), Cancelled)
