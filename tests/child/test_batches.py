"""Batch handlers in real children: an outcome for each job, whatever becomes of the call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
import trio

from actors.forkserver import ForkServer
from runtime import wire
from runtime.child.page import SETTLE_SECONDS
from runtime.outcome import (
    Cancelled,
    Completed,
    Discarded,
    Failed,
    Outcome,
    Snoozed,
)
from tests.child.steering import Steered, child_of, serving, told

APP = "tests.child.batch_app:app"
SORTS = {"wait": False, "wait_later": True}
INTERRUPTIONS: list[tuple[tuple[str, ...], list[str]]] = [
    (("cancel", "cancel"), ["Cancelled", "Cancelled"]),
    (("timeout",), ["Failed", "Failed"]),
    (("cancel", "timeout"), ["Cancelled", "Failed"]),
    (("stop",), ["GivenBack", "GivenBack"]),
]


@pytest.fixture
async def server() -> AsyncIterator[ForkServer]:
    async with serving(APP) as running:
        yield running


async def hand(child: Steered, kind: str, *texts: str, path: str = "") -> list[int]:
    """Hand a batch over, in two pieces; returns the seqs of its runs."""
    frames = [child.frame(kind, text=text, path=path) for text in texts]
    frames[0] = msgspec.structs.replace(frames[0], batch=len(frames))
    data = b"".join(map(wire.encode, frames))
    await child.child.send(data[: len(data) // 2])
    await child.child.send(data[len(data) // 2 :])
    return [frame.seq for frame in frames]


async def answers(child: Steered, seqs: Sequence[int]) -> list[Outcome]:
    return [await child.answer(seq) for seq in seqs]


async def run(child: Steered, kind: str, *texts: str, path: str = "") -> list[Outcome]:
    return await answers(child, await hand(child, kind, *texts, path=path))


def words(outcomes: Sequence[Outcome]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


@pytest.mark.measured
async def test_a_call_gives_each_job_its_own_outcome(server: ForkServer) -> None:
    async with child_of(server) as child:
        first, later, bad, odd, last = await run(
            child, "measure", "a", "later", "bad", "odd", "abc"
        )
        assert (first, later, last) == (Completed("1"), Snoozed(3.0), Completed("3"))
        assert isinstance(bad, Failed)
        assert bad.delay_seconds == 10.0, "its second attempt"
        assert isinstance(odd, Discarded)
        assert await child.run("plain", n=1) == Completed("1"), "plain ones run as ever"

        few = await run(child, "too_few", "a", "b")
        assert words(few) == ["Failed", "Failed"]
        assert isinstance(few[0], Failed)
        assert "got 2 jobs and returned 1 results" in few[0].failure.message

        frames = [child.frame("measure", text="x"), child.frame("measure", text=7)]
        frames[0] = msgspec.structs.replace(frames[0], batch=2)
        await child.child.send(b"".join(map(wire.encode, frames)))
        good, wrong = await answers(child, [frame.seq for frame in frames])
        assert good == Completed("1"), "args that do not fit cost their own job only"
        assert isinstance(wrong, Failed)
        assert wrong.failure.error_class == "ArgsInvalid"


@pytest.mark.measured
async def test_marks_hold_whatever_comes_after_them(server: ForkServer) -> None:
    async with child_of(server) as child:
        texts = ("complete", "fail", "snooze", "discard", "cancel", "other", "raise")
        outcomes = await run(child, "mark", *texts)
        assert outcomes[0] == Completed('{"size":7}')
        assert words(outcomes) == [
            "Completed",
            "Failed",
            "Snoozed",
            "Discarded",
            "Cancelled",
            "Failed",
            "Failed",
        ]
        messages = [each.failure.message for each in outcomes if isinstance(each, Failed)]
        assert messages == ["of this one", *["'of all that are left'"] * 2]

        assert words(await run(child, "mark", "twice", "other")) == ["Completed", "Failed"]
        assert (await run(child, "mark", "attempts"))[0] == Completed('[2,{"trace":"t-1"},true]')

        seqs = await hand(child, "mark", "complete", "other", "crash", "complete")
        assert await child.answer(seqs[0]) == Completed('{"size":4}')
        while await child.read():
            continue
        assert set(seqs) & set(child.done) == {seqs[0]}
        assert child.child.page.begun_seq == seqs[-1], "all of the batch had begun"


async def test_a_job_that_is_cancelled_is_so_and_the_call_goes_on(
    server: ForkServer, tmp_path: Path
) -> None:
    for kind, is_async in SORTS.items():
        path = tmp_path / kind
        async with child_of(server, int(is_async), is_async=is_async) as child:
            seqs = await hand(child, kind, "a", "b", "c", path=str(path))
            await told(path)
            await child.interrupt(seqs[1], "cancel", "not wanted")
            await trio.sleep(0.05)  # were it to end the call, it would by now
            assert not child.done
            (tmp_path / f"{kind}.go").touch()
            outcomes = await answers(child, seqs)
            assert [outcomes[0], outcomes[2]] == [Completed('"done"')] * 2
            assert isinstance(outcomes[1], Cancelled)
            assert outcomes[1].failure.message == "not wanted"


async def test_a_call_is_interrupted_as_a_whole(server: ForkServer, tmp_path: Path) -> None:
    for kind, is_async in SORTS.items():
        async with child_of(server, int(is_async), is_async=is_async) as child:
            for number, (reasons, expected) in enumerate(INTERRUPTIONS):
                path = tmp_path / f"{kind}-{number}"
                seqs = await hand(child, kind, "a", "b", path=str(path))
                await told(path)
                for seq, reason in zip(seqs, reasons, strict=False):
                    await child.interrupt(seq, reason)
                assert words(await answers(child, seqs)) == expected, (kind, reasons)


async def test_a_batch_that_was_taken_back_is_not_begun(server: ForkServer, tmp_path: Path) -> None:
    path = tmp_path / "it"
    async with child_of(server) as child:
        first = await hand(child, "wait", "a", path=str(path))
        behind = await hand(child, "measure", "b", "c")
        await told(path)
        child.child.take_back()
        await trio.sleep(SETTLE_SECONDS)
        assert child.child.page.begun_seq == first[-1]
        handed = await hand(child, "measure", "cancelled", "after")
        await child.interrupt(handed[0], "cancel")
        (tmp_path / "it.go").touch()
        assert words(await answers(child, first)) == ["Completed"]
        assert words(await answers(child, handed)) == ["Cancelled", "Completed"]
        assert not set(behind) & set(child.done)


@pytest.mark.measured
async def test_async_batches_go_on_beside_each_other(server: ForkServer, tmp_path: Path) -> None:
    path = tmp_path / "it"
    async with child_of(server, 9, is_async=True) as child:
        waiting = await hand(child, "wait_later", "a", "b", path=str(path))
        await told(path)
        outcomes = await run(child, "measure_later", "abc", "d")
        assert outcomes == [Completed("3"), Snoozed(4.0)]
        assert words(await run(child, "measure_later", "raise", "d")) == ["Failed", "Failed"]
        (tmp_path / "it.go").touch()
        assert words(await answers(child, waiting)) == ["Completed", "Completed"]
        assert child.started == list(range(1, 7))
