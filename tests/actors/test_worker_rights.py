"""A Worker runs nothing without a right to: not after its lease, nor once the node must stop."""

from __future__ import annotations

from typing import cast

import attrs
import pytest
import trio
import trio.testing

from actors.acker import Acker
from actors.child import ChildExit
from actors.forkserver import ForkServer
from actors.kit import Life
from actors.lease import Lease
from actors.seat import Seat
from actors.worker import MAX_STILLBORN, ChildrenKeepDying, Worker
from runtime.job import ClaimedJob, KindInfo
from tests.actors.puppet import Ledger, Puppet, claimed


@attrs.define
class Maker:
    """A fork server's interface. Each child begins what it is handed, and says no more."""

    made: list[Puppet] = attrs.field(factory=list)

    async def kinds(self) -> tuple[KindInfo, ...]:
        await trio.lowlevel.checkpoint()
        return (KindInfo("kind"),)

    async def spawn(self, _number: int, *, is_async: bool) -> Puppet:
        assert not is_async
        await trio.sleep(0.01)
        puppet = Puppet()
        puppet.on_run = lambda run: puppet.begin(run.seq)
        self.made.append(puppet)
        return puppet


@attrs.define
class Stage:
    """A Worker with all that it needs."""

    maker: Maker = attrs.field(factory=Maker)
    ledger: Ledger = attrs.field(factory=Ledger)
    lease: Lease = attrs.field(factory=Lease)
    force: trio.Event = attrs.field(factory=trio.Event)
    life: Life = attrs.field(factory=lambda: Life("worker"))
    again: list[ClaimedJob] = attrs.field(factory=list)
    seat: Seat = attrs.field(factory=lambda: Seat("seat", on_change=lambda: None))
    worker: Worker = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.ledger.roomy.set()
        self.worker = Worker(
            0,
            cast("ForkServer", self.maker),
            self.seat,
            cast("Acker", self.ledger),
            self.lease,
            list,
            force=self.force,
        )


@pytest.fixture
def stage() -> Stage:
    """Its lease is held."""
    made = Stage()
    made.lease.begin(1, float("inf"))
    return made


def _handed(stage: Stage) -> list[int]:
    return [run.run_number for puppet in stage.maker.made for run in puppet.handed.values()]


@pytest.mark.usefixtures("bench")
async def test_what_was_dealt_under_a_lost_lease_is_not_begun(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        await trio.sleep(1)
        stage.seat.give([claimed(1)])
        await trio.testing.wait_all_tasks_blocked()
        stage.lease.end()
        stage.seat.give([claimed(2)])  # it was on its way
        await trio.sleep(1)
        assert _handed(stage) == [1]
        stage.life.ask_to_stop()
    assert sorted(stage.ledger.outcomes()) == [(1, "GivenBack"), (2, "GivenBack")]


@pytest.mark.usefixtures("bench")
async def test_a_worker_goes_on_under_the_next_lease(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        await trio.sleep(1)
        stage.lease.end()
        await trio.sleep(1)
        stage.lease.begin(2, float("inf"))
        await trio.sleep(1)
        stage.seat.give([claimed(3)])
        await trio.sleep(0.1)
        assert _handed(stage) == [3]
        stage.force.set()
        stage.life.ask_to_stop()


@pytest.mark.usefixtures("bench")
async def test_a_node_that_must_stop_now_makes_no_more_children(stage: Stage) -> None:
    """Its Workers are told only when all that started after them has left."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        await trio.sleep(1)
        stage.force.set()
        stage.seat.give([claimed(1)])
        await trio.sleep(5)
        assert len(stage.maker.made) == 1
        stage.life.ask_to_stop()
    assert _handed(stage) == []
    assert stage.ledger.outcomes() == [(1, "GivenBack")]


@pytest.mark.usefixtures("bench")
async def test_a_worker_that_is_cut_off_gives_back_what_it_was_dealt(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        await trio.sleep(1)
        stage.seat.give([claimed(1)])
        await trio.testing.wait_all_tasks_blocked()
        stage.seat.give([claimed(2)])
        nursery.cancel_scope.cancel()
    assert stage.ledger.outcomes() == [(1, "GivenBack"), (2, "GivenBack")]


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("end", "crashes"),
    [
        (ChildExit(1, signal="SIGSEGV", cause="signal"), True),
        (ChildExit(1, signal="SIGKILL", cause="signal"), False),
        (ChildExit(1, signal="SIGKILL", cause="server", server_died=True), False),
    ],
    ids=["by themselves", "killed by somebody", "with their fork server"],
)
async def test_children_that_end_before_their_first_run_end_their_worker(
    stage: Stage, end: ChildExit, crashes: bool
) -> None:
    """Unless somebody killed them, or it was their fork server that ended."""
    async with trio.open_nursery() as nursery:
        crash = ExceptionKept()
        nursery.start_soon(crash.keep, stage)
        for number in range(MAX_STILLBORN):
            await trio.sleep(2)
            stage.maker.made[number].die(end)
        await trio.sleep(2)
        assert isinstance(crash.error, ChildrenKeepDying) is crashes
        stage.life.ask_to_stop()


@attrs.define
class ExceptionKept:
    """How a Worker crashed, as its supervisor would learn."""

    error: Exception | None = None

    async def keep(self, stage: Stage) -> None:
        try:
            await stage.worker.run(stage.life)
        except Exception as error:
            self.error = error
