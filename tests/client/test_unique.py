"""Unique jobs from Python: what a caller is told, in its own transaction, and under contention."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from runtime import App, AsyncClient, Client, JobNotUnique, Unique, enqueue_many
from runtime.client import bulk
from runtime.unique import BEFORE_ITS_RUN
from tests.client.jobs import rows
from tests.client.libraries import SYNC
from tests.support.sessions import query

WRITERS = 16
ROUNDS = 6

app = App()


@app.job(unique=True)
def render(doc: int) -> int:
    return doc


@app.job(unique=Unique(args=("doc",), on_conflict="replace"))
def index(doc: int, version: int) -> None: ...


@app.job(unique=Unique(on_conflict="fail"))
def once(doc: int) -> None: ...


@app.job
def plain(doc: int) -> None: ...


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(app, url) as client:
        yield client


def count(url: str) -> int:
    ((jobs,),) = rows(url, "SELECT count(*) FROM headrace.job")
    return int(jobs)


@pytest.mark.parametrize("library", ["psycopg", "sqlalchemy", "django"])
def test_a_callers_own_transaction_decides(url: str, library: str) -> None:
    open_caller = next(opens for name, opens in SYNC.items() if library in name.lower())
    with open_caller(url) as caller:
        first = render.enqueue(caller.conn, 1)
        again = render.enqueue(caller.conn, 1)
        assert (first.inserted, first.duplicate) == (True, False)
        assert (again.id, again.inserted, again.duplicate) == (first.id, False, True)
        caller.rollback()
        assert count(url) == 0
        render.enqueue(caller.conn, 1)
        caller.commit()
    assert count(url) == 1


def test_a_failing_enqueue_leaves_the_callers_transaction_usable(url: str) -> None:
    with psycopg.connect(url) as conn:
        there = once.enqueue(conn, 1)
        with pytest.raises(JobNotUnique) as caught:
            once.enqueue(conn, 1)
        assert caught.value.job_id == there.id
        plain.enqueue(conn, 2)
    assert count(url) == 2


def test_an_uncommitted_job_is_waited_for_and_frees_its_key_if_it_is_undone(url: str) -> None:
    handles: list[Any] = []
    with psycopg.connect(url) as first, psycopg.connect(url, autocommit=True) as second:
        render.enqueue(first, 1)
        waiting = threading.Thread(target=lambda: handles.append(render.enqueue(second, 1)))
        waiting.start()
        while not rows(url, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert waiting.is_alive()
        first.rollback()
        waiting.join(10)
    assert [handle.inserted for handle in handles] == [True]
    assert count(url) == 1


def test_a_handle_tells_of_what_was_replaced_and_leads_to_the_job_that_is_there(
    client: Client, url: str
) -> None:
    first = client.enqueue(index, 1, 1)
    newest = client.enqueue(index, 1, 2)
    assert (newest.id, newest.duplicate, newest.replaced) == (first.id, True, True)
    assert client.get(newest.id).args == {"doc": 1, "version": 2}
    query(url, "UPDATE headrace.job SET state = 'running', node_id = 1, run_number = 1")
    late = client.enqueue(index, 1, 3)
    assert (late.id, late.duplicate, late.replaced) == (first.id, True, False)
    assert client.get(first.id).args == {"doc": 1, "version": 2}


async def test_sixteen_writers_at_once_add_one_job_a_key(url: str) -> None:
    def enqueue_all(start: threading.Barrier, results: list[tuple[int, UUID, bool]]) -> None:
        with psycopg.connect(url, autocommit=True) as conn:
            start.wait(10)
            for doc in range(ROUNDS):
                handle = render.enqueue(conn, doc)
                results.append((doc, handle.id, handle.inserted))

    results: list[tuple[int, UUID, bool]] = []
    barrier = threading.Barrier(WRITERS)
    writers = [
        threading.Thread(target=enqueue_all, args=(barrier, results)) for _ in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert len(results) == WRITERS * ROUNDS
    assert sorted(doc for doc, _, inserted in results if inserted) == list(range(ROUNDS))
    assert len({(doc, job_id) for doc, job_id, _ in results}) == ROUNDS
    assert count(url) == ROUNDS


def test_bulks_with_the_same_keys_in_other_orders_do_not_deadlock(url: str) -> None:
    docs, errors = list(range(60)), []

    def enqueue_all(backwards: bool, start: threading.Barrier) -> None:
        try:
            with psycopg.connect(url) as conn:
                start.wait(10)
                for version in range(3):
                    order = reversed(docs) if backwards else docs
                    enqueue_many(conn, [index.new_job(doc, version) for doc in order])
                    conn.commit()
        except Exception as error:
            errors.append(error)

    barrier = threading.Barrier(4)
    writers = [
        threading.Thread(target=enqueue_all, args=(number % 2 == 0, barrier)) for number in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert errors == []
    assert count(url) == len(docs)


@pytest.mark.parametrize("copy_from", [1, 1_000])
def test_a_bulk_tells_which_job_each_duplicate_is_the_same_as(
    client: Client, url: str, copy_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "COPY_FROM_JOBS", copy_from)
    there = client.enqueue(index, 1, 0)
    jobs = [plain.new_job(1), index.new_job(1, 1), index.new_job(2, 1), index.new_job(2, 2)]
    result = client.enqueue_many(jobs)
    assert (result.jobs, result.inserted, result.replaced) == (4, 2, 2)
    assert result.duplicates == {jobs[1].id: there.id, jobs[3].id: jobs[2].id}
    assert client.get(jobs[2].id).args == {"doc": 2, "version": 2}
    with pytest.raises(JobNotUnique) as caught:
        client.enqueue_many([plain.new_job(2), once.new_job(9), once.new_job(9)])
    assert caught.value.index == 2
    assert count(url) == 3


def test_keys_sequences_and_deadlines_reach_the_row_by_every_way(
    client: Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed = plain.with_options(key="k", sequence=True, expires_in=60)
    client.enqueue(keyed, 1)
    monkeypatch.setattr(bulk, "COPY_FROM_JOBS", 1)
    client.enqueue_many([keyed.new_job(2)])
    with psycopg.connect(url, autocommit=True) as conn:
        keyed.enqueue(conn, 3)
        conn.execute(
            "SELECT headrace.enqueue('plain', '{\"doc\": 4}', key => 'k', sequence => true,"
            " expires_seconds => 60)"
        )
    found = rows(
        url,
        "SELECT DISTINCT key::text, sequence, expires_at - created_at = interval '60 s'"
        " FROM headrace.job",
    )
    assert (found, count(url)) == ([("k", True, True)], 4)


async def test_an_async_client_says_the_same(url: str) -> None:
    import asyncio

    async def enqueue() -> list[tuple[bool, bool]]:
        async with AsyncClient(app, url) as client:
            handles = [await client.enqueue(render, 1) for _ in range(2)]
            return [(handle.inserted, handle.duplicate) for handle in handles]

    assert await _in_thread(lambda: asyncio.run(enqueue())) == [(True, False), (False, True)]


async def _in_thread(call: Any) -> Any:
    import trio

    return await trio.to_thread.run_sync(call)


def test_sql_makes_the_same_key_from_the_same_text(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        ours = render.enqueue(conn, 7)
        row = conn.execute(
            "SELECT headrace.enqueue('render', '{\"doc\": 7}',"
            ' unique_by => \'{"args":{"doc":7},"kind":"render"}\')'
        ).fetchone()
    assert row == (ours.id,)


def test_sql_and_python_agree_on_where_a_key_is_held(url: str) -> None:
    from itertools import product

    from runtime import JobState
    from runtime.unique import holds_key

    found = rows(
        url,
        "SELECT state::text, bits::bit(8)::text, run, headrace.holds_key(state, bits::bit(8), run)"
        " FROM unnest(enum_range(NULL::headrace.job_state)) AS state,"
        " generate_series(0, 255) AS bits, generate_series(0, 1) AS run",
    )
    assert len(found) == 8 * 256 * 2 == len(list(product(JobState, range(256), range(2))))
    for state, bits, run, held in found:
        assert holds_key(JobState(state), bits, run) == held, (state, bits, run)


def test_one_waits_while_others_run(client: Client, url: str) -> None:
    queued = plain.with_options(unique=Unique(states=BEFORE_ITS_RUN))
    first = client.enqueue(queued, 1)
    assert client.enqueue(queued, 1).duplicate
    query(url, "UPDATE headrace.job SET state = 'running', node_id = 1, run_number = 1")
    assert client.enqueue(queued, 1).inserted
    query(url, "UPDATE headrace.job SET state = 'retryable', node_id = NULL WHERE run_number = 1")
    assert client.get(first.id).state.value == "retryable"


def test_the_look_for_a_key_uses_its_index(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET enable_seqscan = off")
        plan = conn.execute(
            "EXPLAIN SELECT id FROM headrace.job"
            " WHERE unique_key = '\\x00' AND headrace.holds_key(state, unique_states, run_number)"
        ).fetchall()
    assert "job_unique" in str(plan)
