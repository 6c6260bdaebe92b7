"""The Scribe: notes are merged, bounded, kept over an outage, and never in a job's way."""

from __future__ import annotations

from uuid import UUID

import pytest
import trio

from actors import events, scribe
from actors.acker import Acker, Settled
from actors.scribe import Scribe
from actors.store.errors import DatabaseError
from actors.store.protocol import RunNote
from runtime.job import ClaimedJob
from runtime.note import Note
from runtime.outcome import Completed
from tests.actors.conftest import Bench, new_job


async def claimed(bench: Bench, count: int = 1) -> list[ClaimedJob]:
    from actors.store.protocol import Demand

    node_id = await bench.join()
    await bench.store.enqueue([new_job() for _ in range(count)])
    jobs = await bench.store.claim(node_id, [Demand("default", ("kind",), count)])
    bench.holdings.take(jobs)
    return jobs


def noted(bench: Bench, job_id: UUID) -> Note | None:
    found = bench.store._state.jobs.get(job_id).noted
    return None if found is None else found.note


async def test_notes_that_come_during_a_write_are_written_together(bench: Bench) -> None:
    (job,) = await claimed(bench)
    made = Scribe(bench.store, bench.seen.append)
    hold = bench.store.faults.hold("note")
    await bench.start(made.run)
    made.take(job.id, 1, Note(progress=0.1, message="one"))
    await hold.reached.wait()
    for tenth in range(2, 10):
        made.take(job.id, 1, Note(progress=tenth / 10))
    hold.release()
    await made.settle([(job.id, 1)])
    assert noted(bench, job.id) == Note(progress=0.9, message="one")
    assert bench.store.faults.calls["note"] == 2


async def test_notes_outlast_an_outage(bench: Bench) -> None:
    (job,) = await claimed(bench)
    made = Scribe(bench.store, bench.seen.append)
    await bench.start(made.run)
    bench.store.lose_database()
    made.take(job.id, 1, Note(progress=0.1, message="one"))
    await trio.sleep(5.0)
    made.take(job.id, 1, Note(progress=0.2))
    bench.store.find_database()
    await trio.sleep(5.0)
    assert noted(bench, job.id) == Note(progress=0.2, message="one")
    assert bench.saw(events.NotesLost) == []


async def test_what_finds_no_room_is_lost_and_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scribe, "MOST_PENDING", 2)
    jobs = await claimed(bench, 3)
    made = Scribe(bench.store, bench.seen.append)
    for job in jobs:
        made.take(job.id, 1, Note(progress=0.5))
        made.take(job.id, 1, Note(progress=0.6))
    assert len(bench.saw(events.NotesLost)) == 2
    monkeypatch.setattr(scribe, "MOST_PENDING_BYTES", 100)
    made.take(jobs[0].id, 1, Note(stored="x" * 101))
    assert len(bench.saw(events.NotesLost)) == 3
    await bench.start(made.run)
    await made.settle([(job.id, 1) for job in jobs])
    assert [noted(bench, job.id) for job in jobs] == [Note(progress=0.6)] * 2 + [None]


async def test_a_note_that_the_database_refuses_is_lost_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = await claimed(bench, 2)
    note = bench.store.note

    async def refusing(notes: list[RunNote]) -> int:
        if any(each.job_id == bad.id for each in notes):
            raise DatabaseError("22P02", "no JSON")
        return await note(notes)

    monkeypatch.setattr(bench.store, "note", refusing)
    made = Scribe(bench.store, bench.seen.append)
    for job in (good, bad):
        made.take(job.id, 1, Note(progress=0.5))
    await bench.start(made.run)
    await made.settle([(good.id, 1), (bad.id, 1)])
    assert noted(bench, good.id) == Note(progress=0.5)
    assert len(bench.saw(events.NotesLost)) == 1


async def test_a_runs_last_note_is_written_before_its_outcome_but_not_waited_for_long(
    bench: Bench,
) -> None:
    first, second = await claimed(bench, 2)
    made = Scribe(bench.store, bench.seen.append)
    acker = Acker(bench.store, bench.holdings, bench.seen.append, notes_first=made.settle)
    await bench.start(made.run)
    await bench.start(acker.run)
    hold = bench.store.faults.hold("note")
    made.take(first.id, 1, Note(progress=1.0))
    acker.settle([Settled(first, Completed())])
    await hold.reached.wait()
    await trio.sleep(scribe.SETTLE_SECONDS / 2)
    assert acker.pending == 1
    hold.release()
    await trio.sleep(0.01)
    assert acker.pending == 0
    assert noted(bench, first.id) == Note(progress=1.0)

    stuck = bench.store.faults.hold("note")
    made.take(second.id, 1, Note(progress=1.0))
    acker.settle([Settled(second, Completed())])
    await trio.sleep(scribe.SETTLE_SECONDS + 0.1)
    assert acker.pending == 0, "a note is never in the way for long"
    stuck.release()


async def test_what_is_left_is_written_when_the_node_stops(bench: Bench) -> None:
    (job,) = await claimed(bench)
    made = Scribe(bench.store, bench.seen.append)
    life = await bench.start(made.run)
    made.take(job.id, 1, Note(progress=0.5))
    life.ask_to_stop()
    await trio.sleep(0.1)
    assert noted(bench, job.id) == Note(progress=0.5)


async def test_a_node_stops_without_a_database_that_would_take_its_notes(bench: Bench) -> None:
    (job,) = await claimed(bench)
    made = Scribe(bench.store, bench.seen.append)
    life = await bench.start(made.run)
    bench.store.lose_database()
    made.take(job.id, 1, Note(progress=0.5))
    await trio.sleep(0.01)
    life.ask_to_stop()
    before = bench.store.faults.calls["note"]
    await trio.sleep(2 * scribe.SETTLE_SECONDS)
    assert bench.store.faults.calls["note"] <= before + 2
