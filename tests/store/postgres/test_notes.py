"""The tables `note` and `log`: what is kept of what runs tell, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from actors.store.protocol import Retention, RunNote
from runtime.lifecycle import JobState
from runtime.note import LogLine, Note
from tests.store.harness import OOPS, Bench, ack_of
from tests.store.tables import Tables

AT = datetime(2026, 1, 1, tzinfo=UTC)


def logged(first: int, last: int, kept_from: int = 1) -> Note:
    lines = tuple(
        LogLine(AT + timedelta(seconds=number), "INFO", "a", f"line {number}")
        for number in range(first, last + 1)
    )
    return Note(lines=lines, last_line=last, kept_from=kept_from)


def rows(tables: Tables, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return tables.connection.execute(query.encode(), values or None).fetchall()


def noted(tables: Tables, job_id: UUID) -> tuple[Any, ...]:
    text = "SELECT run_number, progress, message, stored FROM note WHERE job_id = %s"
    (row,) = rows(tables, text, job_id)
    return row


async def test_a_note_adds_to_those_before_it(bench: Bench, tables: Tables) -> None:
    job = await bench.run_one()
    for note in (Note(0.25, "reading"), Note(stored="[1]"), Note(0.5), Note(message="writing")):
        await bench.store.note([RunNote(job.id, 1, note)])
    assert noted(tables, job.id) == (1, 0.5, "writing", [1])

    await bench.store.ack([ack_of(job, JobState.AVAILABLE, failure=OOPS)])
    await bench.claim(await bench.node())
    await bench.store.note([RunNote(job.id, 2, Note(0.1))])
    assert noted(tables, job.id) == (2, 0.1, None, [1]), "what an earlier run stored stays"


async def test_lines_that_no_longer_count_are_deleted(bench: Bench, tables: Tables) -> None:
    job = await bench.run_one()
    for note in (logged(1, 3), logged(4, 4), logged(5, 250, kept_from=51), logged(251, 251, 52)):
        await bench.store.note([RunNote(job.id, 1, note)])
    kept = "SELECT last_line, jsonb_array_length(lines) FROM log ORDER BY last_line"
    assert rows(tables, kept) == [(250, 200), (251, 1)]
    last = rows(tables, "SELECT lines -> -1 FROM log ORDER BY last_line DESC LIMIT 1")
    assert last == [
        ({"at": "2026-01-01T00:04:11Z", "level": "INFO", "logger": "a", "text": "line 251"},)
    ]


async def test_the_logs_of_the_last_ten_runs_are_kept(bench: Bench, tables: Tables) -> None:
    await bench.add()
    node = await bench.node()
    for _ in range(12):
        (job,) = await bench.claim(node)
        await bench.store.note([RunNote(job.id, job.run_number, logged(1, 2))])
        await bench.store.ack([ack_of(job, JobState.AVAILABLE, counted=False)])
    kept = rows(tables, "SELECT run_number FROM log ORDER BY run_number")
    assert kept == [(number,) for number in range(3, 13)]


async def test_notes_go_with_their_job(bench: Bench, tables: Tables) -> None:
    await bench.add(3)
    pruned, deleted, other = await bench.claim(await bench.node())
    note = Note(0.5).then(logged(1, 2))
    await bench.store.note([RunNote(job.id, 1, note) for job in (pruned, deleted, other)])
    await bench.store.ack([ack_of(pruned), ack_of(deleted, JobState.DISCARDED, failure=OOPS)])
    bench.hands.pass_time(100.0)
    assert await bench.store.prune(Retention(completed_seconds=10.0), 10) == 1
    assert await bench.store.delete(deleted.id)
    assert rows(tables, "SELECT job_id FROM note") == [(other.id,)]
    assert rows(tables, "SELECT job_id FROM log") == [(other.id,)]


async def test_followers_alone_are_told(bench: Bench, tables: Tables) -> None:
    await bench.add(3)
    one, two, three = await bench.claim(await bench.node())
    follow = "INSERT INTO follower VALUES (%s, now() + make_interval(secs => %s))"
    tables.connection.execute(follow, [one.id, 60])
    tables.connection.execute(follow, [two.id, -1])
    tables.connection.execute('LISTEN "headrace.noted"')
    await bench.store.note([RunNote(job.id, 1, Note(0.5)) for job in (one, two, three)])
    tables.connection.execute("SELECT pg_notify('headrace.noted', 'mark')")
    heard = []
    for notify in tables.connection.notifies(timeout=10):
        if notify.payload == "mark":
            break
        heard.append(notify.payload)
    tables.connection.execute("UNLISTEN *")
    assert heard == [str(one.id)]
