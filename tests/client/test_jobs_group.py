"""client.jobs: lists with filters and cursors, and changes of many jobs, on a real database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import trio

from runtime import AsyncClient, Client, TrioClient
from runtime.client.jobs_bulk import BulkChange, BulkInterrupted, cancel, steps
from runtime.errors import StoreUnavailable, UsageError
from runtime.job_filter import JobFilter, fits
from runtime.lifecycle import JobState
from tests.client.jobs import app, rows
from tests.support.postgres import wait_until

_STATES = ("available", "scheduled", "running", "retryable", "cancelled", "completed")


def job_id(number: int) -> UUID:
    return UUID(int=(0x019 << 116) + number)


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(app, url) as client:
        yield client


@pytest.fixture
def conn(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True, options="-c search_path=headrace") as conn:
        yield conn


def add(conn: psycopg.Connection[Any], number: int, **columns: Any) -> UUID:
    """A row by hand, valid in whatever state it is to be."""
    state = columns.setdefault("state", "available")
    columns.setdefault("kind", "k")
    if state in ("completed", "cancelled", "discarded"):
        columns.setdefault("finalized_at", datetime.now(UTC))
    if state == "running":
        columns.setdefault("node_id", 1)
    columns["id"] = job_id(number)
    names = ", ".join(columns)
    places = ", ".join(["%s"] * len(columns))
    conn.execute(f"INSERT INTO job ({names}) VALUES ({places})".encode(), list(columns.values()))
    return job_id(number)


def numbers(jobs: Any) -> list[int]:
    return [job.id.int & 0xFFFF for job in jobs]


def states(conn: psycopg.Connection[Any]) -> dict[int, str]:
    found = conn.execute("SELECT id, state::text FROM job ORDER BY id").fetchall()
    return {row[0].int & 0xFFFF: row[1] for row in found}


_T = datetime(2026, 1, 1, tzinfo=UTC)
_FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [6, 5, 4, 3, 2, 1]),
    ({"state": "available"}, [2, 1]),
    ({"state": [JobState.COMPLETED, "running"]}, [4, 3]),
    ({"kind": ("a", "b"), "queue": "q"}, [2, 1]),
    ({"kind": "it's"}, [6]),
    ({"key": "user-1"}, [5]),
    ({"priority": [3, 4]}, [6]),
    ({"tag": ["x", "y"]}, [2]),
    ({"any_tag": ["x", "z"]}, [3, 2, 1]),
    ({"metadata": {"team": {"id": 7}}}, [1]),
    ({"args": {"list": [2, 1]}}, [2]),
    ({"args": {"list": [4]}}, []),
    ({"created_since": _T, "created_until": _T + timedelta(days=1)}, [3]),
    ({"scheduled_since": _T + timedelta(days=9)}, [5]),
    ({"finalized_until": _T + timedelta(days=2)}, [4]),
    ({"id": [job_id(1), job_id(4), job_id(99)]}, [4, 1]),
    ({"id": []}, []),
    ({"error": "not FOUND"}, [6]),
    ({"error": "valueerror: not"}, [6]),
    ({"error": "first"}, []),
    ({"state": "available", "tag": "y"}, [2]),
]


def fill(conn: psycopg.Connection[Any]) -> None:
    old = _T - timedelta(days=30)
    times = {"created_at": old, "scheduled_at": old}
    add(conn, 1, kind="a", queue="q", tags=["x"], metadata='{"team": {"id": 7, "n": 1}}', **times)
    add(conn, 2, kind="b", queue="q", tags=["x", "y"], args='{"list": [1, 2, 3]}', **times)
    add(conn, 3, state="running", tags=["z"], created_at=_T, scheduled_at=old)
    add(conn, 4, state="completed", finalized_at=_T, **times)
    late = {"created_at": old, "scheduled_at": _T + timedelta(days=10)}
    add(conn, 5, state="scheduled", key="user-1", **late)
    add(conn, 6, kind="it's", state="discarded", priority=3, **times)
    for run, message in ((1, "first"), (2, "not found")):
        conn.execute(
            "INSERT INTO failure (job_id, run_number, attempt, error_class, message)"
            " VALUES (%s, %s, 1, 'ValueError', %s)",
            [job_id(6), run, message],
        )


def test_a_list_has_what_its_filter_means_and_nothing_else(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    fill(conn)
    everything = [client.get(job_id(number)) for number in range(6, 0, -1)]

    for conditions, expected in _FILTERS:
        wanted = JobFilter(**conditions)
        page = client.jobs.list(wanted)
        assert numbers(page) == expected, conditions
        assert page.cursor is None
        assert sum(client.jobs.count(wanted).values()) == len(expected)
        # What the memory's Store and tests ask in Python is the same.
        assert numbers(job for job in everything if fits(job, wanted)) == expected, conditions


def test_an_age_is_counted_back_from_the_databases_now(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    conn.execute(
        "INSERT INTO job (id, kind, created_at)"
        " SELECT uuid7(n), 'k', now() - n * interval '1 hour' FROM generate_series(1, 3) AS n"
    )

    young = JobFilter(created_since=timedelta(minutes=90))
    old = JobFilter(created_until=timedelta(minutes=90))

    assert (len(client.jobs.list(young)), len(client.jobs.list(old))) == (1, 2)


def test_pages_neither_repeat_nor_leave_out_what_stays(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    for number in range(1, 11):
        add(conn, number)
    wanted = JobFilter(state=["available", "running"])

    first = client.jobs.list(wanted, limit=4)
    add(conn, 11)  # newer than all pages
    conn.execute("DELETE FROM job WHERE id = ANY (%s)", [[job_id(7), job_id(5)]])
    conn.execute("UPDATE job SET state = 'running', node_id = 1 WHERE id = %s", [job_id(3)])
    second = client.jobs.list(wanted, limit=4, cursor=first.cursor)
    rest = client.jobs.list(wanted, limit=4, cursor=second.cursor)

    assert [numbers(page) for page in (first, second, rest)] == [[10, 9, 8, 7], [6, 4, 3, 2], [1]]
    assert rest.cursor is None
    assert numbers(client.jobs.each(wanted, page=2)) == [11, 10, 9, 8, 6, 4, 3, 2, 1]


def test_final_jobs_are_listed_by_their_ends(client: Client, conn: psycopg.Connection[Any]) -> None:
    ends = {1: 5, 2: 3, 3: 3, 4: 3, 5: 9}  # three in one ack
    for number, minute in ends.items():
        state = "discarded" if number == 3 else "completed"
        add(conn, number, state=state, finalized_at=_T + timedelta(minutes=minute))
    add(conn, 6)

    first = client.jobs.list(limit=3, order="finalized")
    conn.execute(  # it runs and ends anew: it is now in front of what was shown
        "UPDATE job SET finalized_at = now() WHERE id = %s", [job_id(2)]
    )
    rest = client.jobs.list(limit=3, order="finalized", cursor=first.cursor)

    assert (numbers(first), numbers(rest)) == ([5, 1, 4], [3])
    only = client.jobs.list(JobFilter(state="discarded"), order="finalized")
    assert numbers(only) == [3]


def test_what_makes_no_sense_is_refused_before_it_is_sent(client: Client) -> None:
    bad: list[dict[str, Any]] = [
        {"state": "lost"},
        {"created_since": datetime(2026, 1, 1)},
        {"metadata": [1]},
        {"kind": "a\0b"},
    ]
    for conditions in bad:
        with pytest.raises(UsageError):
            JobFilter(**conditions)
    with pytest.raises(UsageError, match="cursor"):
        client.jobs.list(cursor="nonsense")
    with pytest.raises(UsageError, match="cursor"):
        client.jobs.list(order="finalized", cursor=str(job_id(1)))
    with pytest.raises(UsageError, match="which jobs"):
        client.jobs.cancel(JobFilter())
    with pytest.raises(UsageError, match="one of them"):
        client.jobs.reschedule(JobFilter(kind="k"))
    with pytest.raises(UsageError, match="priority"):
        client.jobs.move(JobFilter(kind="k"), priority=9)
    with pytest.raises(UsageError, match="resume"):
        client.jobs.retry(JobFilter(kind="k"), resume="nonsense")


def _in_all_states(conn: psycopg.Connection[Any]) -> None:
    for number, state in enumerate(_STATES, start=1):
        add(conn, number, state=state, kind="k")
    add(conn, 7, kind="other")


@pytest.mark.parametrize(
    ("act", "numbers_", "after"),
    [
        ("cancel", (3, 1, 0, 2), "cancelled cancelled running cancelled cancelled completed"),
        ("retry", (5, 0, 1, 0), "available available running available available available"),
        ("delete", (5, 0, 1, 0), "running"),
        ("reschedule", (3, 0, 1, 2), "scheduled scheduled running retryable cancelled completed"),
        ("move", (3, 0, 1, 2), " ".join(_STATES)),
    ],
)
def test_a_change_does_what_it_says_and_says_what_it_did(
    client: Client,
    conn: psycopg.Connection[Any],
    act: str,
    numbers_: tuple[int, int, int, int],
    after: str,
) -> None:
    _in_all_states(conn)
    extras: dict[str, dict[str, Any]] = {
        "reschedule": {"delay": 3600},
        "move": {"queue": "q2", "priority": 4},
    }
    extra = extras.get(act, {})
    change = getattr(client.jobs, act)

    planned = change(JobFilter(kind="k"), dry_run=True, **extra)
    assert list(states(conn).values()) == [*_STATES, "available"]
    done: BulkChange = change(JobFilter(kind="k"), **extra)

    assert (done.changed, done.asked, done.running, done.skipped) == numbers_
    assert (planned.changed, planned.asked, planned.running, planned.skipped) == numbers_
    assert (done.resume, done.met) == (None, 6)
    assert " ".join([*states(conn).values()][:-1]) == after
    moved = conn.execute("SELECT count(*) FROM job WHERE queue = 'q2' AND priority = 4").fetchone()
    assert moved == ((3,) if act == "move" else (0,))


def test_rescheduled_to_now_they_are_available_and_nodes_are_told(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    for number in (1, 2):
        add(conn, number, state="scheduled", queue=f"q{number}")
    conn.execute('LISTEN "headrace.wakeup"')

    done = client.jobs.reschedule(JobFilter(state="scheduled"), delay=0)

    assert done.changed == 2
    assert set(states(conn).values()) == {"available"}
    told = {note.payload for note in conn.notifies(timeout=10, stop_after=2)}
    assert told == {"q1", "q2"}


def test_a_job_of_a_sequence_waits_for_its_turn_in_the_queue_that_it_is_moved_to(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    for number, queue in ((1, "there"), (2, "here")):
        add(conn, number, queue=queue, key="a", sequence=True)
    assert states(conn) == {1: "available", 2: "available"}

    assert client.jobs.move(JobFilter(queue="here"), queue="there").changed == 1
    assert states(conn) == {1: "available", 2: "pending"}
    client.jobs.cancel(JobFilter(id=job_id(1)))

    assert states(conn) == {1: "cancelled", 2: "available"}


def test_of_running_jobs_the_nodes_are_asked_to_cancel(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    running = add(conn, 1, state="running")
    conn.execute('LISTEN "headrace.control"')

    assert client.jobs.cancel(JobFilter(kind="k"), reason="too late").asked == 1

    (note,) = conn.notifies(timeout=10, stop_after=1)
    assert note.payload == f"cancel:{running}"
    asked = client.get(running)
    assert asked.cancel_requested_at is not None
    assert asked.cancel_reason == "too late"


def test_batches_are_reported_and_a_limit_can_be_gone_on_from(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    for number in range(1, 8):
        add(conn, number)
    reports: list[tuple[int, int]] = []

    def report(done: BulkChange) -> None:
        assert threading.current_thread() is threading.main_thread()
        left = list(states(conn).values()).count("available")  # each batch is committed by itself
        reports.append((done.changed, left))

    wanted = JobFilter(kind="k")
    first = client.jobs.cancel(wanted, limit=5, batch=2, progress=report)
    assert (first.changed, reports) == (5, [(2, 5), (4, 3), (5, 2)])
    assert first.resume is not None
    rest = client.jobs.cancel(wanted, resume=first.resume)

    assert (rest.changed, rest.skipped, rest.resume) == (2, 0, None)


def test_a_change_ends_whatever_producers_do(client: Client, conn: psycopg.Connection[Any]) -> None:
    for number in range(1, 5):
        add(conn, number)
    produced = iter(range(5, 100))

    def produce(_done: BulkChange) -> None:
        add(conn, next(produced))

    done = client.jobs.cancel(JobFilter(kind="k"), batch=2, progress=produce)

    assert done.changed == 4
    assert list(states(conn).values()).count("available") == 3


def test_a_job_that_is_meant_no_more_once_it_is_locked_is_left(
    client: Client, conn: psycopg.Connection[Any], url: str
) -> None:
    for number in (1, 2, 3):
        add(conn, number)
    done: list[BulkChange] = []

    def cancel() -> None:
        done.append(client.jobs.cancel(JobFilter(state="available")))

    thread = threading.Thread(target=cancel)
    with psycopg.connect(url, options="-c search_path=headrace") as rival:
        rival.execute("UPDATE job SET state = 'running', node_id = 1 WHERE id = %s", [job_id(2)])
        thread.start()
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_until(lambda: rows(url, waiting))
        rival.commit()
    thread.join()

    assert (done[0].changed, done[0].met) == (2, 2)
    assert states(conn) == {1: "cancelled", 2: "running", 3: "cancelled"}
    assert client.get(job_id(2)).cancel_requested_at is None


def test_what_another_job_keeps_from_its_unique_key_is_skipped(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    waiting_or_running = "11111000"
    unique = {"unique_key": b"k", "unique_states": waiting_or_running}
    add(conn, 1, state="discarded", **unique)
    add(conn, 2, state="discarded")
    add(conn, 3, **unique)

    done = client.jobs.retry(JobFilter(state="discarded"))

    assert (done.changed, done.skipped) == (1, 1)
    assert states(conn) == {1: "discarded", 2: "available", 3: "available"}


def test_an_interrupted_change_says_what_was_written(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    for number in range(1, 5):
        add(conn, number)
    wanted = JobFilter(kind="k")
    change = steps(cancel(), wanted, {"batch": 3})

    place = client.jobs._call(next(change))
    batch = client.jobs._call(change.send(place))
    change.send(batch)
    with pytest.raises(BulkInterrupted, match="gone") as broken:
        change.throw(StoreUnavailable("gone"))

    assert broken.value.done.changed == 3
    rest = client.jobs.cancel(wanted, resume=broken.value.done.resume)
    assert (rest.changed, rest.met) == (1, 1)


def test_many_are_got_at_once(client: Client, conn: psycopg.Connection[Any]) -> None:
    for number in (1, 2, 3):
        add(conn, number)

    found = client.jobs.get_many([job_id(3), job_id(9), job_id(1), job_id(3)])

    assert list(found) == [job_id(3), job_id(1)]


async def test_trio_has_the_same_group(url: str, conn: psycopg.Connection[Any]) -> None:
    for number in (1, 2, 3):
        add(conn, number)

    async with TrioClient(app, url) as client:
        assert numbers([job async for job in client.jobs.each(page=2)]) == [3, 2, 1]
        reports: list[int] = []
        task = trio.lowlevel.current_task()

        def report(done: BulkChange) -> None:
            assert trio.lowlevel.current_task() is task
            reports.append(done.changed)

        done = await client.jobs.delete(JobFilter(kind="k"), batch=2, progress=report)
        assert (done.changed, reports) == (3, [2, 3])
        assert await client.jobs.counts() == {}


def test_asyncio_has_the_same_group(url: str, conn: psycopg.Connection[Any]) -> None:
    import asyncio

    add(conn, 1, queue="q")

    async def scenario() -> None:
        async with AsyncClient(app, url) as client:
            assert await client.jobs.counts() == {("q", JobState.AVAILABLE): 1}
            assert (await client.jobs.cancel(JobFilter(queue="q"))).changed == 1
            assert await client.jobs.count(JobFilter(queue="q")) == {JobState.CANCELLED: 1}

    asyncio.run(scenario())
