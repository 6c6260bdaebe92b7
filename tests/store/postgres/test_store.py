"""What PostgresStore has beside the contract: errors, sessions, the listening connection."""

from __future__ import annotations

import pytest
import trio

from actors.store.bridge import Bridge, open_bridge
from actors.store.errors import DatabaseError
from actors.store.postgres import PostgresStore, session_of
from actors.store.postgres.refusals import typed
from actors.store.protocol import Demand, Notification
from runtime.errors import (
    ConfigError,
    JobNotFound,
    PayloadInvalid,
    PayloadTooLarge,
    SchemaNotMigrated,
    SchemaTooNew,
    StoreUnavailable,
    UsageError,
)
from runtime.ids import uuid7
from runtime.job_filter import JobFilter
from runtime.lifecycle import Ack, JobState
from runtime.payload import MIB, PayloadLimits
from tests.store.harness import Bench, ack_of, new_job, node_info
from tests.store.tables import NAMESPACE, Tables


@pytest.mark.parametrize("namespace", ["", "Head", "1head", "head-race", "h" * 41, 'a"b', "ä"])
def test_a_namespace_is_a_plain_name(namespace: str) -> None:
    with pytest.raises(ConfigError, match="namespace"):
        session_of(namespace)


async def test_tables_that_are_not_there_are_a_schema_error(tables: Tables) -> None:
    async with open_bridge(tables.url, session=session_of("nowhere")) as bridge:
        store = PostgresStore(bridge, namespace="nowhere")

        with pytest.raises(SchemaNotMigrated, match="'nowhere'"):
            await store.check()
        with pytest.raises(SchemaNotMigrated, match="migrate up"):
            await store.enqueue([new_job()])
        with pytest.raises(SchemaNotMigrated):
            await store.ack([Ack(uuid7(), 1, JobState.COMPLETED)])
        with pytest.raises(SchemaNotMigrated):
            await store.jobs(JobFilter())


async def test_older_and_newer_tables_are_told_apart(bench: Bench, tables: Tables) -> None:
    run = tables.connection.execute
    run("INSERT INTO migration (version, name, checksum) VALUES (999, 'future', '')")
    try:
        with pytest.raises(SchemaTooNew, match="999"):
            await bench.store.check()
    finally:
        run("DELETE FROM migration WHERE version = 999")
    run("CREATE TEMP TABLE kept AS SELECT * FROM migration")
    run("DELETE FROM migration WHERE version > 2")
    try:
        with pytest.raises(SchemaNotMigrated, match="is at migration 2"):
            await bench.store.check()
    finally:
        run("INSERT INTO migration SELECT * FROM kept WHERE version > 2")


async def test_a_database_that_is_away_is_unavailable() -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    async with open_bridge(url, session=session_of(NAMESPACE)) as bridge:
        with pytest.raises(StoreUnavailable):
            await PostgresStore(bridge).check()


async def test_a_higher_limit_reaches_the_database(bridge: Bridge, tables: Tables) -> None:
    store = PostgresStore(bridge, limits=PayloadLimits(args_bytes=4 * MIB))
    job = new_job(args='{"x":"' + "a" * (4 * MIB - 10) + '"}')
    assert len(job.args) > 4 * MIB - 10

    assert await store.enqueue([job]) == [True]


async def test_a_lost_listening_connection_is_told_and_mended(bench: Bench, tables: Tables) -> None:
    async with bench.store.listen() as notifications:
        tables.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with trio.fail_after(20):
            heard = [await notifications.receive() for _ in range(2)]
        await bench.store.want_wakeups(await bench.node(), True)
        await bench.add()
        with trio.fail_after(20):
            heard.append(await notifications.receive())

    assert heard == [
        Notification("lost", ""),
        Notification("back", ""),
        Notification("wakeup", "default"),
    ]


async def test_it_works_through_a_transaction_pooler_and_listens_beside_it(
    bridge: Bridge, tables: Tables
) -> None:
    async with open_bridge(tables.url, session=session_of(NAMESPACE), pooler=True) as pooled:
        store = PostgresStore(pooled, listen_bridge=bridge)
        node = await store.join(node_info(), 30)
        await store.want_wakeups(node, True)
        async with store.listen() as notifications:
            job = new_job()
            await store.enqueue([job])
            with trio.fail_after(20):
                assert await notifications.receive() == Notification("wakeup", "default")
        (claimed,) = await store.claim(node, [Demand("default", ("k",), 1)])
        assert (await store.ack([ack_of(claimed, output="1")])).written == 1
        assert (await store.get(job.id)).output == 1
        assert sum((await store.counts()).values()) == 1


async def test_a_job_shows_its_latest_hundred_failures(bench: Bench, tables: Tables) -> None:
    (job_id,) = await bench.add()
    tables.connection.execute(
        "INSERT INTO failure (job_id, run_number, attempt, error_class, message)"
        " SELECT %s, n, 1, 'E', 'm' FROM generate_series(1, 150) AS n",
        [job_id],
    )

    failures = (await bench.store.get(job_id)).failures

    assert [failure.run_number for failure in failures] == list(range(150, 50, -1))


async def test_a_job_deleted_while_it_is_changed_is_not_found(bench: Bench) -> None:
    with pytest.raises(JobNotFound):
        await bench.store.retry(uuid7())


@pytest.mark.parametrize(
    ("sqlstate", "constraint", "detail", "expected"),
    [
        ("42P01", None, None, SchemaNotMigrated),
        ("42883", None, None, SchemaNotMigrated),
        ("3F000", None, None, SchemaNotMigrated),
        ("HR001", None, '{"field":"args","size":9,"limit":5,"index":2}', PayloadTooLarge),
        ("23514", "job_args_size", None, PayloadInvalid),
        ("23514", "job_metadata_object", None, PayloadInvalid),
        ("23514", "job_name_length", None, UsageError),
        ("22P02", None, None, UsageError),
        ("", None, None, UsageError),
        ("40P01", None, None, StoreUnavailable),
        ("53100", None, None, StoreUnavailable),
        ("55P03", None, None, StoreUnavailable),
        ("57014", None, None, StoreUnavailable),
        ("42501", None, None, DatabaseError),
    ],
)
def test_refusals_are_typed_by_sqlstate_and_constraint(
    sqlstate: str, constraint: str | None, detail: str | None, expected: type[Exception]
) -> None:
    assert type(typed(DatabaseError(sqlstate, "no", constraint, detail), "here")) is expected


def test_a_refusal_for_size_keeps_its_numbers() -> None:
    detail = '{"field":"args","size":9,"limit":5,"index":2}'

    error = typed(DatabaseError("HR001", "too large", None, detail), "here")

    assert isinstance(error, PayloadTooLarge)
    assert (error.field, error.size, error.limit, error.index) == ("args", 9, 5, 2)
