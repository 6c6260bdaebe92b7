"""Roles: a producer can enqueue and nothing else, a worker can serve and change no table."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from actors.store.bridge import open_bridge
from actors.store.migrate import Migrator
from actors.store.postgres import PostgresStore, session_of
from actors.store.protocol import Retention, RunRecords
from runtime import App, Unique, emit_event, enqueue_many, send_signal
from runtime.client.statements import statement
from runtime.ids import uuid7
from runtime.lifecycle import JobState
from runtime.workflow.records import (
    Collected,
    History,
    Record,
    Recorded,
    Spawn,
    StepRecord,
)
from tests.store.harness import OOPS, Bench, PostgresHands, ack_of, new_job
from tests.store.tables import NAMESPACE, Tables

PRODUCER, WORKER = "a producer", 'a "worker"'

app = App()


@app.job
def k(number: int) -> int:
    return number


@pytest.fixture(autouse=True)
def roles(tables: Tables) -> Iterator[None]:
    """The two roles, with their rights."""
    run = tables.connection.execute
    for rights, role in (("producer", PRODUCER), ("worker", WORKER)):
        run(psycopg.sql.SQL("CREATE ROLE {}").format(psycopg.sql.Identifier(role)))
        run(f"SELECT grant_{rights}(%s::text::name)".encode(), [role])
    yield
    for role in (PRODUCER, WORKER):
        name = psycopg.sql.Identifier(role)
        run(psycopg.sql.SQL("DROP OWNED BY {}").format(name))
        run(psycopg.sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture
def producer(tables: Tables) -> Iterator[psycopg.Connection]:
    """A connection with a producer's rights."""
    with psycopg.connect(tables.url, autocommit=True) as connection:
        connection.execute("SELECT set_config('role', %s, false)", [PRODUCER])
        yield connection


def test_a_producer_enqueues_singly_in_bulk_by_copy_and_in_sql(
    tables: Tables, producer: psycopg.Connection
) -> None:
    k.enqueue(producer, 1)
    enqueue_many(producer, [k.new_job(number) for number in range(10)])
    producer.execute("SELECT headrace.enqueue('k', '{\"number\": 1}', delay_seconds => 5)")
    columns = "id, kind, queue, priority, max_attempts, scheduled_at, state, args, metadata"
    row = [new_job().id, "k", "default", 1, 25, "now", "available", "{}", "{}"]
    with (
        producer.cursor() as cursor,
        cursor.copy(f"COPY headrace.job ({columns}) FROM STDIN".encode()) as copy,
    ):
        copy.write_row(row)
    assert tables.connection.execute("SELECT count(*) FROM job").fetchall() == [(13,)]


def test_a_producer_enqueues_unique_jobs_and_replaces_none(producer: psycopg.Connection) -> None:
    unique = k.with_options(unique=True)
    first = unique.enqueue(producer, 1)
    assert unique.enqueue(producer, 1).id == first.id
    replacing = k.with_options(unique=Unique(on_conflict="replace"))
    with pytest.raises(InsufficientPrivilege):
        replacing.enqueue(producer, 1)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT args FROM headrace.job",
        "SELECT output FROM headrace.job",
        "UPDATE headrace.job SET state = 'cancelled'",
        "DELETE FROM headrace.job",
        "INSERT INTO headrace.job (id, kind, attempt) VALUES (gen_random_uuid(), 'k', 9)",
        "SELECT message FROM headrace.failure",
        "SELECT host FROM headrace.node",
        "UPDATE headrace.leader SET term = 9",
        "INSERT INTO headrace.queue VALUES ('default', now())",
        "TRUNCATE headrace.job",
        "SELECT headrace.grant_worker('a producer')",
        "INSERT INTO headrace.signal (job_id, id, name, value)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 'headrace.cancel', '1')",
        "SELECT value FROM headrace.signal",
        "DELETE FROM headrace.signal",
        "INSERT INTO headrace.signal (job_id, id, name, value, taken_at)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 'go', '1', now())",
        "SELECT value FROM headrace.happening",
        "DELETE FROM headrace.happening",
        "INSERT INTO headrace.published VALUES (gen_random_uuid(), now(), 'k', '1')",
        "SELECT output FROM headrace.step",
        "DELETE FROM headrace.waiter",
        "INSERT INTO headrace.job (id, kind, parent_id) VALUES (gen_random_uuid(), 'k', NULL)",
    ],
)
def test_a_producer_does_nothing_else(producer: psycopg.Connection, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        producer.execute(statement.encode())


def test_a_producer_sends_signals_and_events_and_reads_what_is_published(
    tables: Tables, producer: psycopg.Connection
) -> None:
    job = k.enqueue(producer, 1)
    signal_id = uuid7()
    assert send_signal(producer, job, "go", {"by": "Ada"}, id=signal_id)
    assert not send_signal(producer, job, "go", id=signal_id)
    assert emit_event(producer, "opening", 5)
    assert not emit_event(producer, "opening", 6)
    with pytest.raises(InsufficientPrivilege, match=r"headrace\.cancel is sent by those alone"):
        send_signal(producer, job, "headrace.cancel")
    run = tables.connection.execute
    run("INSERT INTO published (job_id, key, value) VALUES (%s, 'stage', '7')", [job.id])
    asked = psycopg.RawCursor(producer)
    found = asked.execute(statement("published", NAMESPACE).encode(), [job.id, "stage"])
    assert found.fetchall() == [("available", "k", True, "7")]
    for _ in range(2):
        asked.execute(statement("await", NAMESPACE).encode(), [[job.id], 60.0])
    assert run("SELECT name, value FROM signal").fetchall() == [("go", {"by": "Ada"})]
    assert run("SELECT name, value FROM happening").fetchall() == [("opening", 5)]


def test_a_worker_may_send_the_signals_that_are_orders(tables: Tables) -> None:
    job = k.enqueue(tables.connection, 1)
    with psycopg.connect(tables.url, autocommit=True) as connection:
        connection.execute("SELECT set_config('role', %s, false)", [WORKER])
        assert send_signal(connection, job, "headrace.cancel", "why")


async def test_a_worker_serves(tables: Tables) -> None:
    session = {**session_of(NAMESPACE), "role": WORKER}
    async with open_bridge(tables.url, session=session) as bridge:
        store = PostgresStore(bridge, namespace=NAMESPACE)
        bench = Bench(store, PostgresHands(tables), [])
        await store.check()
        completed, failed, given_back = await bench.add(3)
        node = await bench.node()
        await store.want_wakeups(node, True)
        jobs = {job.id: job for job in await bench.claim(node)}
        retry = ack_of(jobs[failed], JobState.RETRYABLE, delay_seconds=0.0, failure=OOPS)
        assert (await store.ack([ack_of(jobs[completed])])).written == 1
        assert (await store.ack([retry])).written == 1
        assert await store.release([(given_back, 1)]) == 1
        assert await store.renew(node, 30)
        assert (await store.stage(10)).jobs == 1
        assert (await store.elect(node, 30)).held
        await store.pause("default")
        await store.resume("default")
        await bench.claim(node)
        await store.leave(node)
        assert (await store.rescue(10)).jobs == 2
        await store.cancel(failed)
        await store.retry(failed)
        assert await store.delete(failed)
        bench.hands.pass_time(1e6)
        assert await store.prune(Retention(), 10) == 1
        assert len(await store.nodes()) <= 1
        assert await store.neighbours(node) == []


async def test_a_worker_runs_workflows(tables: Tables) -> None:
    session = {**session_of(NAMESPACE), "role": WORKER}
    async with open_bridge(tables.url, session=session) as bridge:
        store = PostgresStore(bridge, namespace=NAMESPACE)
        bench = Bench(store, PostgresHands(tables), [])
        await _run_a_workflow(bench)
    with psycopg.connect(tables.url, autocommit=True) as connection:
        connection.execute("SELECT set_config('role', %s, false)", [WORKER])
        connection.execute("SELECT headrace.emit_event('go')")
        sent = connection.execute(
            "SELECT headrace.send_signal(id, 'go') FROM headrace.job WHERE kind = 'k'"
        )
        assert sent.fetchall() == [("sent",)]


async def _run_a_workflow(bench: Bench) -> None:
    """All that the Store does for one."""
    store, job = bench.store, await bench.run_one()
    waits = StepRecord("1", "map", "k", done=False, max_in_flight=1)
    asks: list[Record | Spawn] = [
        Spawn(waits, (new_job(kind="c"), new_job(kind="c"))),
        Record((StepRecord("2", "step", "s", publish=True),)),
        Record((StepRecord("3", "step", "s"),)),
        Record((StepRecord("0", "continue", "1", output="{}"),)),
    ]
    for ask in asks:
        (answer,) = await store.record([RunRecords(job.id, 1, ask)])
        assert isinstance(answer, Recorded)
    assert isinstance(await store.recall(job.id, 1), History)
    assert isinstance(await store.collect(job.id, 1, [job.id]), Collected)
    await store.ack([ack_of(job, JobState.DISCARDED, failure=OOPS)])
    await store.wake([job.id])
    await store.wake_event("go")
    await store.sweep_waits(10)
    await store.retry(job.id)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE headrace.job ADD COLUMN more int",
        "DROP INDEX headrace.job_claim",
        "CREATE TABLE headrace.more (id int)",
        "TRUNCATE headrace.job",
        "DELETE FROM headrace.migration",
    ],
)
def test_a_worker_changes_no_table(tables: Tables, statement: str) -> None:
    with psycopg.connect(tables.url, autocommit=True) as connection:
        connection.execute("SELECT set_config('role', %s, false)", [WORKER])
        with pytest.raises(InsufficientPrivilege):
            connection.execute(statement.encode())


def test_a_worker_passes_no_rights_on(tables: Tables, producer: psycopg.Connection) -> None:
    with psycopg.connect(tables.url, autocommit=True) as connection:
        connection.execute("SELECT set_config('role', %s, false)", [WORKER])
        connection.execute("SELECT headrace.grant_worker(%s::text::name)", [PRODUCER])
    with pytest.raises(InsufficientPrivilege):
        producer.execute("SELECT args FROM headrace.job")


async def test_who_might_enqueue_before_a_migration_may_after_it(tables: Tables) -> None:
    place = Tables(tables.url, "granted_before")
    name = psycopg.sql.Identifier(PRODUCER)
    try:
        async with open_bridge(tables.url, max_size=2) as bridge:
            await Migrator(bridge, "granted_before").up(9)
            place.connection.execute("SELECT grant_producer(%s::text::name)", [PRODUCER])
            await Migrator(bridge, "granted_before").up()
        with psycopg.connect(tables.url, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("SET ROLE {}").format(name))
            connection.execute("SELECT granted_before.enqueue('k', unique_by => 'k', key => 'k')")
        assert place.connection.execute("SELECT key FROM job").fetchall() == [("k",)]
    finally:
        place.connection.execute("DROP SCHEMA IF EXISTS granted_before CASCADE")
        place.close()


async def test_who_might_serve_before_a_migration_may_after_it(tables: Tables) -> None:
    place = Tables(tables.url, "served_before")
    try:
        async with open_bridge(tables.url, max_size=2) as bridge:
            await Migrator(bridge, "served_before").up(28)
            place.connection.execute("SELECT grant_worker(%s::text::name)", [WORKER])
            await Migrator(bridge, "served_before").up()
        session = {**session_of("served_before"), "role": WORKER}
        async with open_bridge(tables.url, session=session) as bridge:
            store = PostgresStore(bridge, namespace="served_before")
            await _run_a_workflow(Bench(store, PostgresHands(place), []))
    finally:
        place.connection.execute("DROP SCHEMA IF EXISTS served_before CASCADE")
        place.close()
