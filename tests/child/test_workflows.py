"""Workflows in real children: asks and answers, threads, interruptions, limits of time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from actors.forkserver import ForkServer
from runtime import wire
from runtime.outcome import Cancelled, Completed, Discarded, GivenBack, Outcome
from runtime.workflow.records import Recall, Record, Recorded, Refused
from tests.child.steering import Steered, child_of, eventually, serving

APP = "tests.child.workflow_app:app"
KINDS = ["two", "async_two"]


@pytest.fixture
async def server() -> AsyncIterator[ForkServer]:
    async with serving(APP) as running:
        yield running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "lines"
    made.touch()
    return made


def lines(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1]


async def first_run(child: Steered, kind: str, **args: object) -> int:
    """Hand over a run that has no past."""
    frame = child.frame(kind, **args)
    await child.child.send(wire.encode(_first(frame)))
    return frame.seq


def _first(frame: wire.Run) -> wire.Run:
    fields = {name: getattr(frame, name) for name in frame.__struct_fields__}
    return wire.Run(**{**fields, "run_number": 1})


async def obey(child: Steered, seq: int) -> Outcome:
    """Answer all that it asks until it ends."""
    with trio.fail_after(30):
        while seq not in child.done:
            while child.asked:
                await child.tell(child.asked.pop(0), Recorded())
            await child.read()
    return child.done[seq].outcome


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.measured
async def test_a_step_waits_until_the_one_before_is_recorded(
    server: ForkServer, kind: str, path: Path
) -> None:
    async with child_of(server, is_async=kind.startswith("async")) as child:
        seq = await first_run(child, kind, path=str(path))
        ask = await child.next_ask()
        assert isinstance(ask.ask, Record)
        assert [(each.place, each.name) for each in ask.ask.steps] == [("1", "a")]
        await trio.sleep(0.05)
        assert lines(path) == ["a"]
        await child.tell(ask, Recorded())
        last = await child.next_ask()
        # The end of the handler does not wait for its last record.
        assert await child.answer(seq) == Completed('["a","b"]')
        assert lines(path) == ["a", "b"]
        await child.tell(last, Recorded())  # too late for anybody
        again = await first_run(child, kind, path=str(path))
        assert await obey(child, again) == Completed('["a","b"]')


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", ["cancel", "stop"])
async def test_a_run_that_waits_for_an_answer_can_be_interrupted(
    server: ForkServer, kind: str, reason: str, path: Path
) -> None:
    async with child_of(server, is_async=kind.startswith("async")) as child:
        seq = await first_run(child, kind, path=str(path))
        await child.next_ask()
        await child.interrupt(seq, reason)
        outcome = await child.answer(seq)
        assert isinstance(outcome, Cancelled if reason == "cancel" else GivenBack)
        assert lines(path) == ["a"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.measured
async def test_a_run_that_has_lost_its_job_ends(server: ForkServer, kind: str, path: Path) -> None:
    async with child_of(server, is_async=kind.startswith("async")) as child:
        seq = await first_run(child, kind, path=str(path))
        await child.tell(await child.next_ask(), Refused("lost", "no longer yours"))
        assert await child.answer(seq) == GivenBack("no longer yours")


async def test_a_ring_for_nothing_loses_no_answer(server: ForkServer) -> None:
    async with child_of(server) as child:
        seq = await first_run(child, "many", count=100)
        while seq not in child.done:
            while child.asked:
                ask = child.asked.pop(0)
                child.child.ring()
                await child.tell(ask, Recorded())
                child.child.ring()
            with trio.fail_after(30):
                await child.read()
        assert child.done[seq].outcome == Completed("100")


@pytest.mark.measured
async def test_branches_in_threads_get_their_answers_in_any_order(
    server: ForkServer, path: Path
) -> None:
    async with child_of(server) as child:
        seq = await first_run(child, "threads", path=str(path))
        asks = [await child.next_ask(), await child.next_ask()]
        for ask in reversed(asks):
            await child.tell(ask, Recorded())
        # What the threads have sent last, the main thread waits for.
        assert await obey(child, seq) == Completed('[["a","b"],["a","b"],["after"]]')
        assert sorted(lines(path)) == ["a", "a", "after", "b", "b"]


async def test_an_interrupted_gather_waits_for_its_branches_which_do_nothing_more(
    server: ForkServer, path: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with child_of(server) as child, child.listening():
        seq = await first_run(child, "held", path=str(path), gate=str(gate))
        await eventually(lambda: sorted(lines(path)) == ["x", "y"])
        await child.interrupt(seq, "cancel")
        await trio.sleep(0.1)
        assert seq not in child.done
        gate.touch()
        await child.ended(seq)
        assert isinstance(child.done[seq].outcome, Cancelled)
        assert sorted(lines(path)) == ["x", "x ended", "y", "y ended"]


@pytest.mark.parametrize("how", ["sleeps", "computes"])
async def test_a_step_over_its_time_is_interrupted(
    server: ForkServer, how: str, path: Path
) -> None:
    async with child_of(server) as child:
        seq = await first_run(child, "slow", how=how, path=str(path))
        outcome = await obey(child, seq)
        assert outcome == Completed('"StepTimeout: it took longer than 0.05 s"')


@pytest.mark.measured
async def test_a_steps_timeout_in_a_thread_is_refused(server: ForkServer) -> None:
    async with child_of(server) as child:
        outcome = await obey(child, await first_run(child, "slow_thread"))
        assert isinstance(outcome, Discarded)
        assert "make the workflow async" in outcome.failure.message


@pytest.mark.parametrize("kind", ["undoes", "async_undoes"])
async def test_a_cancelled_workflow_may_clean_up_by_steps(
    server: ForkServer, kind: str, path: Path
) -> None:
    async with child_of(server, is_async=kind.startswith("async")) as child:
        seq = await first_run(child, kind, path=str(path))
        await child.tell(await child.next_ask(), Recorded())
        await trio.sleep(0.05)
        await child.interrupt(seq, "cancel")
        assert isinstance(await obey(child, seq), Cancelled)
        assert lines(path) == ["do", "undo"]


@pytest.mark.measured
async def test_a_run_that_is_not_the_first_asks_for_its_history(
    server: ForkServer, path: Path
) -> None:
    async with child_of(server) as child:
        await child.hand("two", path=str(path))
        ask = await child.next_ask()
        assert ask.ask == Recall()
