"""The cores of a node: who waits for them and who lends them; and children recycled in turn."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from actors.cores import Cores
from actors.tenure_settings import TenureSettings
from actors.worker import Worker
from runtime.job import KindInfo
from tests.actors.puppet import Stage, claimed
from tests.actors.test_worker_rights import Stage as WorkerStage

WIDE = KindInfo("kind", cores=2)


async def test_a_wide_run_waits_and_what_comes_later_does_not_pass_it() -> None:
    cores = Cores(3)
    order: list[str] = []

    async def hold(who: str, count: int, until: trio.Event) -> None:
        await cores.take(who, count)
        order.append(who)
        await until.wait()
        cores.give(who)

    first, rest = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:
        for who, count, until in (
            ("one", 1, first),
            ("wide", 3, rest),
            ("late", 1, rest),
            ("too wide", 99, rest),
        ):
            nursery.start_soon(hold, who, count, until)
            await trio.testing.wait_all_tasks_blocked()
        assert order == ["one"]
        first.set()
        await trio.testing.wait_all_tasks_blocked()
        rest.set()
    assert order == ["one", "wide", "late", "too wide"]
    assert cores.free == 3


async def test_who_gives_up_waiting_holds_nothing_and_lets_the_next_one_pass() -> None:
    cores = Cores(2)
    await cores.take("one", 1)
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.01):
            nursery.start_soon(cores.take, "late", 1)
            await cores.take("wide", 2)
    assert cores.free == 0  # "one" and "late"


def _wide_stage(cores: Cores) -> Stage:
    stage = Stage(TenureSettings())
    stage.tenure.kinds = {"kind": WIDE}
    stage.tenure.cores = cores
    stage.tenure._share.cores = cores
    stage.puppet.on_run = lambda run: stage.puppet.begin(run.seq)
    return stage


@pytest.mark.usefixtures("bench")
async def test_two_wide_runs_on_two_cores_run_one_after_the_other() -> None:
    """Neither waits for the core that the other one has."""
    cores = Cores(2)
    stages = [_wide_stage(cores) for _ in range(2)]
    async with trio.open_nursery() as nursery:
        for stage in stages:
            nursery.start_soon(stage.tenure.run)
        await trio.sleep(1)
        for number, stage in enumerate(stages):
            assert stage.seat.free == 1
            stage.seat.give([claimed(number + 1)])
        await trio.sleep(1)
        begun = [stage for stage in stages if stage.puppet.handed]
        assert len(begun) == 1, "the other one waits"
        assert [stage.seat.free for stage in stages] == [0, 0], "and nobody takes more"
        begun[0].puppet.say(begun[0].puppet.done(1))
        await trio.sleep(1)
        (other,) = (stage for stage in stages if stage is not begun[0])
        assert list(other.puppet.handed) == [1]
        other.puppet.say(other.puppet.done(1))
        await trio.sleep(1)
        assert all(stage.seat.free for stage in stages), "all is as before"
        for stage in stages:
            stage.puppet.hang_up()
    outcomes = sorted(each for stage in stages for each in stage.ledger.outcomes())
    assert outcomes == [(1, "Completed"), (2, "Completed")]
    assert cores.free == 2


@pytest.mark.usefixtures("bench")
async def test_a_wide_job_that_waits_goes_back_when_its_child_dies() -> None:
    cores = Cores(2)
    stage = _wide_stage(cores)
    await cores.take("somebody", 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        await trio.sleep(1)
        stage.seat.give([claimed(1)])
        await trio.sleep(1)
        assert stage.puppet.handed == {}
        stage.puppet.kill()
    assert stage.ledger.outcomes() == [(1, "GivenBack")]
    assert cores.free == 1


@pytest.mark.usefixtures("bench")
async def test_children_that_are_worn_are_replaced_one_at_a_time() -> None:
    recycling = trio.CapacityLimiter(1)
    stages = [WorkerStage(), WorkerStage()]
    for stage in stages:
        stage.lease.begin(1, float("inf"))
        stage.worker.settings = TenureSettings(recycle_runs=1)
        stage.worker.recycling = recycling
    async with trio.open_nursery() as nursery:
        for stage in stages:
            nursery.start_soon(stage.worker.run, stage.life)
        await trio.sleep(1)
        for number, stage in enumerate(stages):
            stage.seat.give([claimed(number + 1), claimed(number + 11)])
        await trio.sleep(0.01)
        for stage in stages:
            (puppet,) = stage.maker.made
            puppet.begin(2)
            puppet.say(puppet.done(1))  # worn now, and still busy with the second run
        await trio.sleep(1)
        closed = [stage for stage in stages if _retires(stage.worker)]
        assert len(closed) == 1, "the other one goes on serving"
        for stage in (closed[0], *(each for each in stages if each is not closed[0])):
            stage.maker.made[0].say(stage.maker.made[0].done(2))
            await trio.sleep(5)
            assert len(stage.maker.made) == 2
        assert recycling.borrowed_tokens == 0
        for stage in stages:
            stage.life.ask_to_stop()
            stage.maker.made[1].hang_up()


def _retires(worker: Worker) -> bool:
    return worker._tenure is not None and worker._tenure.closing
