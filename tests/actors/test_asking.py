"""A Tenure whose runs ask: answers find their run, and ends wait for what was recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest
import trio

from actors import speech
from actors.child import ChildExit
from actors.recorder import Recorder
from actors.tenure_settings import TenureSettings
from runtime import wire
from runtime.job import ClaimedJob
from runtime.outcome import Completed, Suspended
from runtime.workflow.records import Ask, Recall, Refused
from tests.actors.asking import claimed, places, step
from tests.actors.conftest import Bench
from tests.actors.puppet import Puppet, Stage


@attrs.define(eq=False)
class Scene:
    """A Tenure that runs jobs in a puppet, with a Recorder."""

    bench: Bench
    stage: Stage
    recorder: Recorder

    @property
    def puppet(self) -> Puppet:
        return self.stage.puppet

    async def begin(self, count: int = 1) -> list[ClaimedJob]:
        """So many runs, begun."""
        jobs = await claimed(self.bench, count)
        self.puppet.on_run = lambda run: self.puppet.begin(run.seq)
        self.stage.seat.give(jobs)
        await trio.sleep(0.1)
        assert len(self.puppet.handed) == count
        return jobs

    def ask(self, seq: int, number: int, ask: Ask) -> None:
        self.puppet.say(wire.Asked(seq, number, ask))

    @property
    def answers(self) -> list[tuple[int, int, str]]:
        return [(each.seq, each.number, type(each.answer).__name__) for each in self.puppet.answers]


@pytest.fixture
async def scene(bench: Bench) -> AsyncIterator[Scene]:
    made = Recorder(bench.store, bench.lease, bench.seen.append)
    stage = Stage(TenureSettings(is_async=True), made)
    await bench.start(made.run)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        yield Scene(bench, stage, made)
        stage.puppet.die(ChildExit(Puppet.pid, exit_status=0))


async def test_each_run_has_its_own_answers(bench: Bench, scene: Scene) -> None:
    first, second = await scene.begin(2)
    scene.ask(1, 1, step(1))
    scene.ask(2, 1, step(1))
    scene.ask(2, 2, Recall())
    await trio.sleep(1)
    assert sorted(scene.answers) == [(1, 1, "Recorded"), (2, 1, "Recorded"), (2, 2, "History")]
    assert await places(bench, first) == await places(bench, second) == ["1"]


async def test_a_run_that_has_ended_waits_for_its_record(bench: Bench, scene: Scene) -> None:
    await scene.begin(2)
    hold = bench.store.faults.hold("record")
    scene.puppet.say(
        wire.Asked(1, 1, step(1)),
        scene.puppet.done(1, Suspended(5.0)),
        scene.puppet.done(2, Completed()),
    )
    await trio.sleep(1)
    assert scene.stage.ledger.outcomes() == [(1, "Completed")], "a plain run waits for nothing"
    assert len(scene.stage.tenure.runs) == 0
    hold.release()
    await trio.sleep(1)
    assert scene.stage.ledger.outcomes() == [(1, "Completed"), (1, "Suspended")]
    assert scene.stage.ledger.settled[-1].workflow
    assert scene.answers == [], "nobody is there to hear it"


async def test_a_run_whose_last_record_is_refused_is_discarded(bench: Bench, scene: Scene) -> None:
    await scene.begin()
    hold = bench.store.faults.hold("record")
    output = f'"{"x" * 3_000_000}"'
    scene.puppet.say(wire.Asked(1, 1, step(1, output)), scene.puppet.done(1, Completed()))
    await hold.reached.wait()
    hold.release()
    await trio.sleep(1)
    assert scene.stage.ledger.outcomes() == [(1, "Discarded")]


async def test_a_run_that_knows_of_a_refusal_has_its_own_end(bench: Bench, scene: Scene) -> None:
    await scene.begin()
    scene.ask(1, 1, step(1, f'"{"x" * 3_000_000}"'))
    await trio.sleep(1)
    assert isinstance(scene.puppet.answers[0].answer, Refused)
    scene.puppet.say(wire.Asked(1, 2, step(1)), scene.puppet.done(1, Completed()))
    await trio.sleep(1)
    assert scene.stage.ledger.outcomes() == [(1, "Completed")]


async def test_what_a_killed_child_has_recorded_is_kept(bench: Bench, scene: Scene) -> None:
    """Its death is told after it, and its reading is answered to nobody."""
    (job,) = await scene.begin()
    hold = bench.store.faults.hold("record")
    scene.ask(1, 1, step(1))
    scene.ask(1, 2, Recall())
    await hold.reached.wait()
    scene.puppet.die(ChildExit(Puppet.pid, signal="SIGKILL", cause="signal"))
    await trio.sleep(1)
    assert scene.stage.ledger.settled == []
    hold.release()
    await trio.sleep(1)
    assert scene.stage.ledger.outcomes() == [(1, "Failed")]
    assert await places(bench, job) == ["1"]


async def test_an_ask_of_a_run_that_is_not_held_is_dropped(bench: Bench, scene: Scene) -> None:
    await scene.begin()
    scene.ask(7, 1, step(1))
    await trio.sleep(1)
    assert bench.store.faults.calls["record"] == 0
    assert scene.answers == []


async def test_a_child_that_does_not_read_its_answers_is_not_heard(
    bench: Bench, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "ANSWER_BYTES", 100)
    await scene.begin()
    send, reads = scene.puppet.send, trio.Event()

    async def stuck(data: bytes) -> None:
        await reads.wait()
        await send(data)

    monkeypatch.setattr(scene.puppet, "send", stuck)
    for number in range(1, 101):
        scene.ask(1, number, step(number))
        await trio.sleep(0.1)
    written = bench.store.faults.calls["record"]
    assert written < 30
    reads.set()
    await trio.sleep(5)
    assert sorted(number for _, number, _ in scene.answers) == list(range(1, 101))


async def test_an_answer_that_was_cut_goes_before_all_else(
    bench: Bench, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket has room for a part of it, and the next run is being handed over."""

    def send_a_part(data: bytes) -> int:
        scene.puppet.hear(data[:7])
        scene.stage.seat.give(more)
        return 7

    await scene.begin()
    more = await claimed(bench)
    monkeypatch.setattr(scene.puppet, "send_now", send_a_part)
    scene.ask(1, 1, step(1))
    await trio.sleep(1)
    assert scene.answers == [(1, 1, "Recorded")]
    assert sorted(scene.puppet.handed) == [1, 2]
