"""Runs handed ahead can be taken back from a busy child: each is taken back or answered."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
import trio

from runtime import wire
from runtime.child.page import SETTLE_SECONDS
from runtime.outcome import Completed, GivenBack
from tests.child.steering import Steered, eventually

ROUNDS = 150


async def take_back(child: Steered) -> int:
    """The Worker's side of the protocol; returns the last run that stays the child's."""
    child.child.take_back()
    await trio.sleep(SETTLE_SECONDS)
    return child.child.page.begun_seq


@pytest.mark.measured
async def test_runs_behind_a_busy_one_are_void_once_taken_back(
    child: Steered, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    first = await child.hand("wait_for", path=str(go))
    ahead = [await child.hand("give", value=n) for n in range(10)]
    await child.begun(first)

    assert await take_back(child) == first
    go.touch()
    after = await child.hand("give", value="after")

    assert await child.answer(after) == Completed('"after"')
    assert set(child.done) == {first, after}
    assert not set(child.done) & set(ahead)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_each_run_is_taken_back_or_answered_never_both_never_neither(
    child: Steered, seed: int
) -> None:
    """Many rounds, with the change of the epoch at every moment of the child's loop."""
    dice = random.Random(seed)
    taken_back: set[int] = set()
    handed: set[int] = set()
    async with child.listening():
        for _ in range(ROUNDS):
            frames = [child.frame("give", value=n) for n in range(dice.randrange(1, 30))]
            handed |= {frame.seq for frame in frames}
            await child.child.send(b"".join(map(wire.encode, frames)))
            spin(dice.random() * 600e-6)
            last = await take_back(child)
            taken_back |= {frame.seq for frame in frames if frame.seq > last}
        end = await child.hand("give", value="last")
        await eventually(lambda: end in child.done)

    ran = {seq for seq, done in child.done.items() if not isinstance(done.outcome, GivenBack)}
    assert not ran & taken_back
    assert handed <= set(child.done) | taken_back
    assert taken_back, "the child was always quicker"
    assert len(ran) > 1, "the child was never quicker"


def spin(seconds: float) -> None:
    """Pass time without giving the core away."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        continue


async def test_a_stopped_child_cannot_begin_what_was_taken_back(child: Steered) -> None:
    """The child is frozen, wherever it is, while the runs are taken back."""
    for _ in range(30):
        seqs = [await child.hand("give", value=n) for n in range(20)]
        os.kill(child.child.pid, signal.SIGSTOP)
        last = await take_back(child)
        os.kill(child.child.pid, signal.SIGCONT)
        assert await child.run("give", value="after") == Completed('"after"')

        answered = {s for s in seqs if s in child.done and s > last}
        assert all(isinstance(child.done[s].outcome, GivenBack) for s in answered)
        assert all(s in child.done for s in seqs if s <= last)


@pytest.mark.measured
async def test_async_runs_have_all_begun_when_they_came(async_child: Steered) -> None:
    frames = [async_child.frame("async_sleep") for _ in range(10)]
    await async_child.child.send(b"".join(map(wire.encode, frames)))
    await eventually(lambda: async_child.child.page.begun_seq == 10)

    async_child.child.take_back()
    after = await async_child.run("async_give", value=1)

    assert after == Completed("1")
    assert async_child.started == list(range(1, 12))
