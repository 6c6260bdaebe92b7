"""Light plain workflows go on in children of their own, several a core; all others do not."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import cast

import attrs
import pytest
import trio
import trio.testing

from actors.acker import Acker, Settled
from actors.child import ChildExit
from actors.flows import (
    IDLE_SECONDS,
    LIGHT_MIB,
    LIGHT_RUNS,
    LIGHT_SECONDS,
    Flows,
    light_mib_of,
    may_be_light,
)
from actors.forkserver import ForkServer
from actors.kit import Life
from actors.lease import Lease
from actors.runs import HeldRun
from actors.seat import Seat
from actors.tenure_settings import TenureSettings
from actors.worker import MAX_STILLBORN, Worker
from runtime.batch import Batch
from runtime.errors import Unavailable
from runtime.job import KindInfo
from runtime.outcome import Completed, GivenBack, Outcome
from tests.actors.puppet import Ledger, Puppet, claimed

FLOW = KindInfo("kind", workflow=True)
PLAIN = KindInfo("plain")


def _end(flows: Flows, cpu: float = 0.0, mib: float = 10.0, outcome: Outcome | None = None) -> None:
    held = HeldRun(1, claimed(1), FLOW, None)
    peak = int(mib * 1024)
    settled = Settled(held.job, outcome or Completed(), cpu_seconds=cpu, peak_rss_kib=peak)
    flows.ended(held, settled)


def _light() -> Flows:
    flows = Flows()
    for _ in range(LIGHT_RUNS):
        _end(flows)
    assert flows.light == {"kind"}
    return flows


def test_a_kind_is_light_after_several_light_runs_in_a_row() -> None:
    flows, changes = Flows(), []
    flows.on_change.append(lambda: changes.append(flows.light))
    for _ in range(LIGHT_RUNS - 1):
        _end(flows)
    _end(flows, cpu=LIGHT_SECONDS)
    _end(flows, outcome=GivenBack("not begun"))  # of that nothing is learned
    for _ in range(LIGHT_RUNS - 1):
        assert flows.light == frozenset()
        _end(flows)
    _end(flows)
    assert changes == [{"kind"}]
    _end(flows)
    assert changes == [{"kind"}]


@pytest.mark.parametrize(("cpu", "mib"), [(LIGHT_SECONDS, 10.0), (0.0, LIGHT_MIB)])
def test_one_heavy_run_ends_that(cpu: float, mib: float) -> None:
    flows = _light()
    _end(flows, cpu, mib)
    assert flows.light == frozenset()


def test_a_kind_is_served_by_one_side_alone() -> None:
    flows = _light()
    kinds = ("plain", "kind")
    assert flows.kinds_of(kinds, beside=True) == ("kind",)
    assert flows.kinds_of(kinds, beside=False) == ("plain",)


@pytest.mark.parametrize(
    "info",
    [
        KindInfo("kind"),
        KindInfo("kind", workflow=True, is_async=True),
        KindInfo("kind", workflow=True, cores=2),
        KindInfo("kind", workflow=True, nice=5),
        KindInfo("kind", workflow=True, memory_mib=64),
        KindInfo("kind", batch=Batch(max_jobs=4)),
    ],
)
def test_what_has_needs_is_never_light(info: KindInfo) -> None:
    assert not may_be_light(info)


@attrs.define
class Maker:
    """A fork server's interface. Each child begins what it is handed, and says no more."""

    made: list[Puppet] = attrs.field(factory=list)
    refuses: bool = False
    on_spawn: Callable[[], None] = attrs.field(default=lambda: None)
    on_made: Callable[[Puppet], None] = attrs.field(default=lambda puppet: None)

    async def kinds(self) -> tuple[KindInfo, ...]:
        await trio.lowlevel.checkpoint()
        return (FLOW, PLAIN)

    async def spawn(self, _number: int, *, is_async: bool) -> Puppet:
        assert not is_async
        await trio.sleep(0.01)
        self.on_spawn()
        if self.refuses:
            raise Unavailable("no more processes")
        puppet = Puppet()
        puppet.on_run = lambda run: puppet.begin(run.seq)
        self.made.append(puppet)
        self.on_made(puppet)
        return puppet


@attrs.define
class Stage:
    """A Worker for flows, whose kind is light."""

    flows: Flows = attrs.field(factory=_light)
    maker: Maker = attrs.field(factory=Maker)
    ledger: Ledger = attrs.field(factory=Ledger)
    lease: Lease = attrs.field(factory=Lease)
    life: Life = attrs.field(factory=lambda: Life("worker"))
    seat: Seat = attrs.field(factory=lambda: Seat("seat", on_change=lambda: None))
    worker: Worker = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.ledger.roomy.set()
        self.lease.begin(1, float("inf"))
        self.worker = Worker(
            3,
            cast("ForkServer", self.maker),
            self.seat,
            cast("Acker", self.ledger),
            self.lease,
            list,
            TenureSettings(beside=True),
            flows=self.flows,
        )

    @property
    def handed(self) -> list[int]:
        return [run.run_number for puppet in self.maker.made for run in puppet.handed.values()]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.usefixtures("bench")
async def test_a_child_is_made_when_there_is_a_job_and_ended_when_idle(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        await trio.sleep(1)
        assert (stage.maker.made, stage.seat.kinds, stage.seat.free) == ([], ("kind",), 1)
        stage.seat.give([claimed(1)])
        await trio.sleep(1)
        (puppet,) = stage.maker.made
        assert stage.handed == [1]
        puppet.say(puppet.done(1))
        await trio.sleep(IDLE_SECONDS - 1)
        assert not puppet.was_killed()
        await trio.sleep(3)
        # The last child is gone: all is forgotten, and this kind is the other Workers'.
        assert (stage.flows.light, stage.seat.kinds, len(stage.maker.made)) == (frozenset(), (), 1)
        stage.life.ask_to_stop()
    assert stage.ledger.outcomes() == [(1, "Completed")]


@pytest.mark.usefixtures("bench")
async def test_a_child_with_a_long_run_is_not_idle(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        stage.seat.give([claimed(1)])
        await trio.sleep(3 * IDLE_SECONDS)
        assert not stage.maker.made[0].was_killed()
        stage.maker.made[0].die(stage.maker.made[0].end_as)
        stage.life.ask_to_stop()


@pytest.mark.usefixtures("bench")
async def test_a_run_that_turns_out_heavy_ends_it_while_it_goes_on(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        stage.seat.give([claimed(1)])
        await trio.sleep(0.1)
        (puppet,) = stage.maker.made
        puppet.page.begin_cpu(1, 0)
        puppet.pid = os.getpid()  # which has used more since it began
        await trio.sleep(1)
        for _ in range(LIGHT_RUNS):
            _end(stage.flows)
        assert stage.flows.light == frozenset()
        puppet.say(puppet.done(1))
        await trio.sleep(1)
        _end(stage.flows)
        assert stage.flows.light == {"kind"}
        stage.life.ask_to_stop()


@pytest.mark.usefixtures("bench")
async def test_what_waits_for_a_child_is_not_begun_under_another_lease(stage: Stage) -> None:
    def join_anew() -> None:
        stage.lease.end()
        stage.lease.begin(2, float("inf"))

    stage.maker.on_spawn = join_anew
    stage.worker.redeal = lambda jobs: []  # others of the node would take all
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        await trio.sleep(1)
        stage.seat.give([claimed(1)])
        await trio.sleep(1)
        assert stage.handed == []
        stage.life.ask_to_stop()
    assert stage.ledger.outcomes() == [(1, "GivenBack")]


@pytest.mark.usefixtures("bench")
async def test_where_the_system_has_no_room_for_processes_flows_do_without(stage: Stage) -> None:
    stage.maker.refuses = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        await trio.sleep(1)
        stage.seat.give([claimed(1)])
        await trio.sleep(1)
        for _ in range(LIGHT_RUNS):
            _end(stage.flows)
        assert (stage.flows.light, stage.seat.free) == (frozenset(), 1)
        stage.life.ask_to_stop()
    assert stage.ledger.outcomes() == [(1, "GivenBack")]


@pytest.mark.usefixtures("bench")
async def test_a_worker_that_leaves_drains_and_makes_no_more_children(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        stage.seat.give([claimed(1)])
        await trio.sleep(1)
        (puppet,) = stage.maker.made
        stage.worker.leave()
        await trio.sleep(1)
        puppet.say(puppet.done(1))
        await trio.sleep(3)
        stage.seat.give([claimed(2)])  # it was on its way
        await trio.sleep(1)
        assert len(stage.maker.made) == 1
        stage.life.ask_to_stop()
    assert sorted(stage.ledger.outcomes()) == [(1, "Completed"), (2, "GivenBack")]


def test_where_there_are_no_children_for_them_no_kind_is_light() -> None:
    flows = Flows(light_mib_of(0))
    for mib in (10.0, 0.0) * LIGHT_RUNS:
        _end(flows, mib=mib)
    assert flows.light == frozenset()


@pytest.mark.usefixtures("bench")
async def test_a_worn_child_of_which_none_is_wanted_any_more_lets_others_be_replaced(
    stage: Stage,
) -> None:
    recycling = stage.worker.recycling = trio.CapacityLimiter(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        stage.seat.give([claimed(1)])
        await trio.sleep(1)
        (puppet,) = stage.maker.made
        puppet.page.set_worn()
        puppet.say(puppet.done(1))
        await trio.sleep(3)
        assert (puppet.was_killed(), recycling.available_tokens) == (True, 1)
        stage.life.ask_to_stop()


@pytest.mark.usefixtures("bench")
async def test_a_worker_without_a_child_takes_nothing_in_a_drain(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        await trio.sleep(1)
        assert stage.seat.free == 1
        stage.worker.leave()
        await trio.sleep(1)
        assert stage.seat.free == 0
        stage.life.ask_to_stop()


@pytest.mark.usefixtures("bench")
async def test_flows_do_without_children_that_die_before_they_have_run_anything(
    stage: Stage,
) -> None:
    segfault = ChildExit(1, signal="SIGSEGV", cause="signal")
    stage.maker.on_made = lambda puppet: puppet.die(segfault)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.worker.run, stage.life)
        for number in range(MAX_STILLBORN):
            for _ in range(LIGHT_RUNS):
                _end(stage.flows)
            stage.seat.give([claimed(number)])
            await trio.sleep(2)
        for _ in range(LIGHT_RUNS):
            _end(stage.flows)
        assert stage.flows.light == frozenset()
        stage.life.ask_to_stop()
    assert {outcome for _, outcome in stage.ledger.outcomes()} == {"GivenBack"}
