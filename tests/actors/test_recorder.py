"""The Recorder: records are grouped, kept over an outage, fenced, and each is answered once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from actors import events, recorder
from actors.kit import Life
from actors.recorder import Recorder
from actors.store.errors import DatabaseError
from actors.store.protocol import RunRecords
from runtime.workflow.records import Collect, History, Recall, Recorded, Refused
from tests.actors.asking import Hearer, places, runs, step
from tests.actors.conftest import Bench


def made(bench: Bench) -> tuple[Recorder, Hearer]:
    actor = Recorder(bench.store, bench.lease, bench.seen.append)
    return actor, Hearer(actor)


async def test_what_comes_during_a_write_is_written_together(bench: Bench) -> None:
    actor, hearer = made(bench)
    held = await runs(bench, 10)
    await bench.start(actor.run)
    hold = bench.store.faults.hold("record")
    hearer.ask(held[0], step())
    await hold.reached.wait()
    for number, run in enumerate(held[1:], 2):
        hearer.ask(run, step(), number)
    hold.release()
    await trio.sleep(1)
    assert bench.store.faults.calls["record"] == 2
    assert [number for number, _ in hearer.answers] == list(range(1, 11))
    assert {type(answer) for _, answer in hearer.answers} == {Recorded}
    assert sum(event.steps for event in bench.seen if isinstance(event, events.Recorded)) == 10


async def test_a_record_outlasts_an_outage_and_is_answered_once(bench: Bench) -> None:
    actor, hearer = made(bench)
    (run,) = await runs(bench)
    await bench.start(actor.run)
    bench.store.lose_database()
    hearer.ask(run, step())
    await trio.sleep(20)
    assert hearer.answers == []
    bench.store.find_database()
    await trio.sleep(5)
    assert hearer.words == ["Recorded"]
    assert await places(bench, run.job) == ["1"]
    assert len(bench.saw(events.StoreLost)) == len(bench.saw(events.StoreBack)) == 1


async def test_a_record_whose_answer_was_lost_is_recorded_once(bench: Bench) -> None:
    actor, hearer = made(bench)
    (run,) = await runs(bench)
    await bench.start(actor.run)
    bench.store.faults.lose_reply("record", times=2)
    hearer.ask(run, step(1, "17"))
    await trio.sleep(5)
    assert hearer.words == ["Recorded"]
    assert bench.store.faults.calls["record"] == 3
    assert await places(bench, run.job) == ["1"]


async def test_a_write_that_nobody_answers_is_sent_again(bench: Bench) -> None:
    actor, hearer = made(bench)
    (run,) = await runs(bench)
    await bench.start(actor.run)
    bench.store.faults.hold("record")
    hearer.ask(run, step())
    await trio.sleep(recorder.ANSWER_SECONDS + 1)
    assert hearer.words == ["Recorded"]


async def test_after_the_leases_end_what_cannot_be_written_is_lost(bench: Bench) -> None:
    actor, hearer = made(bench)
    (run,) = await runs(bench)
    await bench.start(actor.run)
    bench.store.lose_database()
    hearer.ask(run, step())
    hearer.ask(run, Recall(), 2)
    await trio.sleep(20)
    bench.lease.end()
    await trio.sleep(5)
    assert sorted(hearer.words) == ["Refused", "Refused"]
    assert all(
        isinstance(answer, Refused) and answer.kind == "lost" for _, answer in hearer.answers
    )


async def test_a_late_record_is_refused_and_its_neighbours_are_written(bench: Bench) -> None:
    actor, hearer = made(bench)
    late, good = await runs(bench, 2)
    await bench.store.release([(late.job.id, late.job.run_number)])
    await bench.start(actor.run)
    hearer.ask(late, step(), 1)
    hearer.ask(good, step(), 2)
    await trio.sleep(1)
    assert hearer.words == ["Refused", "Recorded"]
    assert bench.store.faults.calls["record"] == 1


async def test_what_the_database_refuses_is_refused_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor, hearer = made(bench)
    first, bad, last = await runs(bench, 3)
    record = bench.store.record

    async def refusing(records: Sequence[RunRecords]) -> list[Recorded | Refused]:
        if any(each.job_id == bad.job.id for each in records):
            raise DatabaseError("22P05", "a zero byte")
        return await record(records)

    monkeypatch.setattr(bench.store, "record", refusing)
    for number, run in enumerate((first, bad, last), 1):
        hearer.ask(run, step(), number)
    await bench.start(actor.run)
    await trio.sleep(1)
    assert hearer.words == ["Recorded", "Refused", "Recorded"]
    assert await places(bench, last.job) == ["1"]


@pytest.mark.parametrize("sqlstate", ["40P01", "53100", "57014"])
async def test_where_the_database_has_reasons_of_its_own_it_is_asked_again(
    bench: Bench, sqlstate: str
) -> None:
    """A deadlock, a full disk, a statement that somebody cancelled."""
    actor, hearer = made(bench)
    held = await runs(bench, 2)
    error = DatabaseError(sqlstate, "not now")
    bench.store.faults.fail_next("record", times=3, error=error)
    bench.store.faults.fail_next("recall", times=3, error=error)
    await bench.start(actor.run)
    for number, run in enumerate(held, 1):
        hearer.ask(run, step(), number)
    hearer.ask(held[0], Recall(), 3)
    await trio.sleep(10)
    assert sorted(hearer.words) == ["History", "Recorded", "Recorded"]


async def test_a_history_is_read_beside_a_write(bench: Bench) -> None:
    actor, hearer = made(bench)
    (run,) = await runs(bench)
    await bench.start(actor.run)
    hold = bench.store.faults.hold("record")
    hearer.ask(run, step(), 1)
    await hold.reached.wait()
    hearer.ask(run, Recall(), 2)
    hearer.ask(run, Collect("1", ()), 3)
    await trio.sleep(1)
    assert hearer.words == ["History", "Collected"]
    hold.release()
    await trio.sleep(1)
    assert hearer.words == ["History", "Collected", "Recorded"]


async def test_histories_that_are_asked_for_together_are_read_together(bench: Bench) -> None:
    actor, hearer = made(bench)
    held = await runs(bench, 60)
    for number, run in enumerate(held, 1):
        hearer.ask(run, step(number), number)
    await bench.start(actor.run)
    await trio.sleep(1)
    hearer.answers.clear()
    hold = [bench.store.faults.hold("collect") for _ in range(recorder.READERS)]
    for _ in hold:
        hearer.ask(held[0], Collect("1", ()), 0)
    await trio.sleep(1)
    for number, run in enumerate(held, 1):
        hearer.ask(run, Recall(), number)
    hearer.ask(held[0], Recall("1"), 61)
    for each in hold:
        each.release()
    await trio.sleep(1)
    assert bench.store.faults.calls["recall_first"] == 2
    assert bench.store.faults.calls["recall"] == 1
    found = {number: answer for number, answer in hearer.answers if isinstance(answer, History)}
    assert [[each.place for each in found[n].steps] for n in range(1, 62)] == [
        *([str(number)] for number in range(1, 61)),
        [],
    ]


async def test_a_history_is_not_read_for_a_child_that_is_gone(bench: Bench) -> None:
    actor, hearer = made(bench)
    (run,) = await runs(bench)
    await bench.start(actor.run)
    bench.store.lose_database()
    hearer.ask(run, Recall())
    await trio.sleep(5)
    hearer.gone = True
    bench.store.find_database()
    before = bench.store.faults.calls["recall"]
    await trio.sleep(5)
    assert bench.store.faults.calls["recall"] == before
    assert hearer.words == ["Refused"]


async def test_whoever_asks_too_much_waits_for_room(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "ROOM", 3)
    actor, hearer = made(bench)
    held = await runs(bench, 3)
    await actor.wait_room()
    for run in held:
        hearer.ask(run, step())
    with trio.move_on_after(5) as scope:
        await actor.wait_room()
    assert scope.cancelled_caught
    await bench.start(actor.run)
    await actor.wait_room()
    assert hearer.words == ["Recorded"] * 3


async def test_a_large_record_is_written_in_a_call_of_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_BATCH_BYTES", 100)
    actor, hearer = made(bench)
    for number, run in enumerate(await runs(bench, 3), 1):
        hearer.ask(run, step(1, f'"{"x" * 90}"'), number)
    await bench.start(actor.run)
    await trio.sleep(1)
    assert hearer.words == ["Recorded"] * 3
    assert bench.store.faults.calls["record"] == 3


async def test_what_is_left_is_written_when_the_node_stops(bench: Bench) -> None:
    actor, hearer = made(bench)
    (run,) = await runs(bench)
    life = await bench.start(actor.run)
    hearer.ask(run, step())
    life.ask_to_stop()
    await trio.sleep(1)
    assert hearer.words == ["Recorded"]


async def test_what_an_incarnation_leaves_is_written_by_the_next(bench: Bench) -> None:
    """And what it was reading keeps no room."""
    actor, hearer = made(bench)
    (run,) = await runs(bench)
    bench.store.faults.hold("record")
    bench.store.faults.hold("recall")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor.run, Life("first"))
        hearer.ask(run, step())
        hearer.ask(run, Recall(), 2)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert hearer.answers == []
    await bench.start(actor.run)
    await trio.sleep(1)
    assert hearer.answers == [(1, Recorded(hearer.answers[0][1].now))]  # type: ignore[union-attr]
    assert actor._taken == actor._bytes == 0
