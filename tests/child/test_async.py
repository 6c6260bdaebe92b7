"""Async handlers: many at once in one child, each with an ending of its own."""

from __future__ import annotations

import json

import pytest
import trio

from runtime import wire
from runtime.outcome import Cancelled, Completed, Failed, GivenBack, Snoozed
from tests.child.steering import BOUND_SECONDS, Steered, eventually


@pytest.mark.measured
async def test_runs_go_on_at_the_same_time(async_child: Steered) -> None:
    people = 50
    seqs = [await async_child.hand("meet", people=people) for _ in range(people)]

    for seq in seqs:
        assert await async_child.answer(seq) == Completed(str(people))
    assert async_child.started == seqs


@pytest.mark.measured
async def test_values_errors_and_verdicts(async_child: Steered) -> None:
    assert await async_child.run("async_give", value=[1]) == Completed("[1]")
    assert await async_child.run("async_give") == Completed(None)
    assert await async_child.run("async_snooze") == Snoozed(1.0)
    odd = await async_child.run("async_raise", message="odd")
    exit_ = await async_child.run("async_leave")
    unknown = await async_child.run("no_such_kind")

    assert isinstance(odd, Failed)
    assert odd.failure.error_class == "tests.child.apps.OddError"
    assert "runtime/child" not in odd.failure.trace
    assert isinstance(exit_, Failed)
    assert exit_.failure.error_class == "SystemExit"
    assert isinstance(unknown, Failed)
    assert unknown.failure.error_class == "UnknownKind"


@pytest.mark.measured
async def test_each_run_has_its_own_context(async_child: Steered) -> None:
    seqs = [await async_child.hand("async_context") for _ in range(20)]

    outcomes = [await async_child.answer(seq) for seq in seqs]

    assert outcomes == [Completed(json.dumps(seq + 100)) for seq in seqs]


async def test_an_interrupt_ends_its_run_and_no_other(async_child: Steered) -> None:
    seqs = [await async_child.hand("async_sleep") for _ in range(4)]
    assert await async_child.run("async_give") == Completed(None)  # by now they all sleep
    for seq, reason in zip(seqs, ["timeout", "cancel", "stop"], strict=False):
        await async_child.interrupt(seq, reason, "enough")

    timeout, cancel, stop = [await async_child.answer(seq) for seq in seqs[:3]]

    assert isinstance(timeout, Failed)
    assert timeout.failure.error_class == "JobTimeout"
    assert timeout.failure.message == "enough"
    assert "in async_sleep" in timeout.failure.trace
    assert isinstance(cancel, Cancelled)
    assert cancel.failure.error_class == "JobCancelled"
    assert stop == GivenBack("enough")
    assert seqs[3] not in async_child.done


@pytest.mark.measured
async def test_an_interrupt_that_comes_with_its_run_is_the_answer(async_child: Steered) -> None:
    frame = async_child.frame("async_sleep")
    stop = wire.Interrupt(frame.seq, "stop", "draining")
    await async_child.child.send(wire.encode(frame) + wire.encode(stop))

    assert await async_child.answer(frame.seq) == GivenBack("draining")


async def test_a_repeated_interrupt_reaches_a_handler_that_swallowed_the_first(
    async_child: Steered,
) -> None:
    seq = await async_child.hand("async_swallow", times=3)
    assert await async_child.run("async_give") == Completed(None)  # by now it is waiting

    with trio.fail_after(BOUND_SECONDS):
        while seq not in async_child.done:
            await async_child.interrupt(seq, "timeout")
            with trio.move_on_after(0.02):
                await async_child.read()

    assert async_child.done[seq].outcome == Completed("3")


async def test_an_error_that_comes_of_an_interrupt_counts_as_the_interrupt(
    async_child: Steered,
) -> None:
    seq = await async_child.hand("async_wrap")
    await async_child.begun(seq)
    assert await async_child.run("async_give") == Completed(None)  # it is waiting by now
    await async_child.interrupt(seq, "stop", "draining")

    assert await async_child.answer(seq) == GivenBack("draining")


@pytest.mark.measured
async def test_a_handler_that_cancels_itself_has_failed(async_child: Steered) -> None:
    outcome = await async_child.run("async_cancel_itself")

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "asyncio.exceptions.CancelledError"


async def ring_until_done(child: Steered, seq: int, message: str) -> None:
    """As the ladder does: once is not enough for a loop that may only be busy."""
    with trio.fail_after(BOUND_SECONDS):
        while seq not in child.done:
            await child.interrupt(seq, "timeout", message)
            with trio.move_on_after(0.05):
                await child.read()


async def test_a_handler_that_blocks_the_loop_is_interrupted_by_the_ring(
    async_child: Steered,
) -> None:
    other = await async_child.hand("async_sleep")
    blocking = await async_child.hand("async_block")
    await async_child.begun(blocking)
    await ring_until_done(async_child, blocking, "blocked for 3 s")

    outcome = await async_child.answer(blocking)

    assert isinstance(outcome, Failed)
    assert outcome.failure.message == "blocked for 3 s"
    assert await async_child.run("async_give", value=1) == Completed("1")
    assert other not in async_child.done


async def test_frames_that_came_while_the_loop_was_blocked_are_not_lost(
    async_child: Steered,
) -> None:
    blocking = await async_child.hand("async_block")
    await async_child.begun(blocking)
    others = [await async_child.hand("async_give", value=n) for n in range(5)]
    await ring_until_done(async_child, blocking, "blocked")

    for n, seq in enumerate(others):
        assert await async_child.answer(seq) == Completed(str(n))
    assert isinstance(await async_child.answer(blocking), Failed)


async def test_outcomes_wait_for_a_worker_that_is_slow_to_read(async_child: Steered) -> None:
    """More than the socket holds: 200 outcomes of 100 kB, and nobody reads."""
    value = "x" * 100_000
    frames = [async_child.frame("async_give", value=value) for _ in range(200)]
    for frame in frames:
        await async_child.child.send(wire.encode(frame))
    await eventually(lambda: async_child.child.page.begun_seq == 200)

    for frame in frames:
        assert await async_child.answer(frame.seq) == Completed(json.dumps(value))


@pytest.mark.parametrize("runs", [0, 3])
@pytest.mark.measured
async def test_a_child_that_is_hung_up_on_finishes_what_it_has_and_exits(
    async_child: Steered, runs: int
) -> None:
    seqs = [await async_child.hand("meet", people=runs) for _ in range(runs)]
    async_child.child.hang_up()

    for seq in seqs:
        assert await async_child.answer(seq) == Completed(str(runs))
    exit_ = await async_child.child.wait()
    assert (exit_.exit_status, exit_.cause) == (0, "exit")


async def test_garbage_from_the_worker_ends_the_child(async_child: Steered) -> None:
    await async_child.child.send(b"\xff\xff\xff\xff")

    exit_ = await async_child.child.wait()

    assert exit_.exit_status == 70
    assert "WireError" in async_child.child.last_stack()
