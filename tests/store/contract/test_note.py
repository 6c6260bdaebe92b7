"""Store.note: what runs tell of themselves."""

from __future__ import annotations

from datetime import UTC, datetime

from actors.store.protocol import RunNote
from runtime.ids import uuid7
from runtime.lifecycle import JobState
from runtime.note import LogLine, Note
from tests.store.harness import OOPS, Bench, ack_of

AT = datetime(2026, 1, 1, tzinfo=UTC)


def note(progress: float, *texts: str) -> Note:
    lines = tuple(LogLine(AT, "INFO", "a", text) for text in texts)
    return Note(progress, "at work", '{"a":1}', lines, len(lines))


async def test_notes_are_kept_of_jobs_that_there_are(bench: Bench) -> None:
    await bench.add(2)
    one, two = await bench.claim(await bench.node())
    told = [RunNote(job_id, 1, note(0.5, "x")) for job_id in (two.id, uuid7(), one.id)]
    assert await bench.store.note(told) == 2
    assert await bench.store.note(told) == 2, "repeating it changes nothing"
    assert await bench.store.note([]) == 0


async def test_the_last_note_of_an_ended_run_is_kept_and_one_of_an_older_run_is_not(
    bench: Bench,
) -> None:
    job = await bench.run_one()
    failed = ack_of(job, JobState.AVAILABLE, failure=OOPS)
    await bench.store.ack([failed])
    told = [RunNote(job.id, job.run_number, note(1.0))]
    assert await bench.store.note(told) == 1
    (again,) = await bench.claim(await bench.node())
    assert await bench.store.note(told) == 0
    assert await bench.store.note([RunNote(again.id, again.run_number, note(0.1))]) == 1


async def test_what_is_over_its_limit_is_left_out_or_cut(bench: Bench) -> None:
    job = await bench.run_one()
    huge = Note(7.0, "m" * 100_000, '"' + "x" * 3_000_000 + '"')
    lines = tuple(LogLine(AT, "L" * 5_000, "\0", "\ud800" * 100_000) for _ in range(5))
    told = [huge.then(Note(lines=lines, last_line=5))]
    assert await bench.store.note([RunNote(job.id, job.run_number, one) for one in told]) == 1
