"""What keeps the tables small: queues with a retention of their own, and indexes built anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
import trio

from actors.maintenance.pruner import Pruner
from actors.store.bridge import Bridge, open_bridge
from actors.store.migrate.apply import Workplace
from actors.store.postgres import PostgresStore, indexes, session_of
from actors.store.protocol import Retention
from actors.store.upkeep import QueueRetention
from runtime.lifecycle import JobState
from tests.store.harness import Bench, ack_of
from tests.store.postgres.plans import explain
from tests.store.tables import NAMESPACE, Tables

DAY = 86_400.0
ALL_A_DAY = Retention(DAY, DAY, DAY)


def keep(tables: Tables, queue: str, **seconds: float | None) -> None:
    for state, kept in seconds.items():
        tables.connection.execute(
            f"INSERT INTO queue (name, keep_{state}_seconds) VALUES (%s, %s) ON CONFLICT (name)"
            f" DO UPDATE SET keep_{state}_seconds = excluded.keep_{state}_seconds".encode(),
            [queue, kept],
        )


async def finish(bench: Bench, tables: Tables, queue: str, count: int = 1) -> None:
    """Jobs that end now, each at a time of its own."""
    for _ in range(count):
        job = await bench.run_one()
        await bench.store.ack([ack_of(job)])
        tables.connection.execute("UPDATE job SET queue = %s WHERE id = %s", [queue, job.id])


def left(tables: Tables) -> dict[str, int]:
    rows = tables.connection.execute("SELECT queue, count(*) FROM job GROUP BY queue")
    return {str(queue): int(count) for queue, count in rows}


async def test_a_queue_keeps_its_jobs_for_a_time_of_its_own(bench: Bench, tables: Tables) -> None:
    for queue in ("plain", "short", "long", "always"):
        await finish(bench, tables, queue)
    keep(tables, "short", completed=60.0)
    keep(tables, "long", completed=3 * DAY)
    keep(tables, "always", completed=0.0)
    pruner = Pruner(bench.store, ALL_A_DAY)

    tables.pass_time(70)
    assert await pruner._prune() == (1, False)
    assert left(tables) == {"plain": 1, "long": 1, "always": 1}
    tables.pass_time(2 * DAY)
    await pruner._prune()
    assert left(tables) == {"long": 1, "always": 1}
    tables.pass_time(2 * DAY)
    await pruner._prune()

    assert left(tables) == {"always": 1}


async def test_a_sweep_goes_on_from_where_it_came_to(bench: Bench, tables: Tables) -> None:
    for queue in ("short", "plain", "short", "plain", "short"):
        await finish(bench, tables, queue)
    tables.pass_time(70)
    kept = QueueRetention("short", JobState.COMPLETED, 60.0)

    first = await bench.store.prune_queue(kept, None, 2)
    second = await bench.store.prune_queue(kept, first.reached_at, 2)
    third = await bench.store.prune_queue(kept, second.reached_at, 2)

    assert [(each.jobs, each.seen) for each in (first, second, third)] == [(1, 2), (1, 2), (1, 1)]
    assert left(tables) == {"plain": 2}


async def test_a_leader_whose_term_is_over_sweeps_nothing(bench: Bench, tables: Tables) -> None:
    node_id = await bench.node(1e6)
    await finish(bench, tables, "short")
    over = await bench.store.elect(node_id, 15)
    tables.pass_time(70)
    kept = QueueRetention("short", JobState.COMPLETED, 60.0)

    assert (await bench.store.prune_queue(kept, None, 9, over.number)).jobs == 0
    assert await bench.store.reindex((), over.number) is None


@pytest.fixture
def small_bloat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred kilobytes are bloat."""
    monkeypatch.setattr(indexes, "LEAST_BYTES", 100_000)


@pytest.fixture
def bloated(tables: Tables, small_bloat: None) -> Iterator[None]:
    """The index job_claim, after a backlog that is gone."""
    run = tables.connection.execute
    run("ALTER TABLE job SET (autovacuum_enabled = off)")
    run("INSERT INTO job (id, kind) SELECT gen_random_uuid(), 'k' FROM generate_series(1, 6000)")
    run("DELETE FROM job")
    run("VACUUM job")
    yield
    run("ALTER TABLE job RESET (autovacuum_enabled)")


def sizes(tables: Tables) -> dict[str, int]:
    rows = tables.connection.execute(
        "SELECT indexname, pg_relation_size((schemaname || '.' || indexname)::regclass)"
        " FROM pg_indexes WHERE schemaname = 'headrace' AND tablename = 'job'"
    )
    return {str(name): int(size) for name, size in rows}


@pytest.mark.usefixtures("bloated")
async def test_bloated_indexes_are_built_anew_one_at_a_time(bench: Bench, tables: Tables) -> None:
    before = sizes(tables)
    first = await bench.store.reindex(())
    assert first is not None
    second = await bench.store.reindex((first.index,))
    assert second is not None

    after = sizes(tables)
    assert {first.index, second.index} == {"job_claim", "job_pkey"}
    for rebuilt in (first, second):
        assert rebuilt.bytes_before == before[rebuilt.index] > 100_000
        assert rebuilt.bytes_after == after[rebuilt.index] < 20_000
    assert await bench.store.reindex((first.index, second.index)) is None


@pytest.mark.usefixtures("bloated")
async def test_nothing_is_built_while_others_are_busy(
    bench: Bench, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Workplace(NAMESPACE).lock
    with psycopg.connect(tables.url, autocommit=True) as migrator:
        migrator.execute("SELECT pg_advisory_lock(%s, %s)", lock)
        assert await bench.store.reindex(()) is None
    monkeypatch.setattr(indexes, "OLD_TRANSACTION_SECONDS", 0.0)
    with tables.rival() as rival:
        rival.execute("SELECT 1")
        assert await bench.store.reindex(()) is None
    monkeypatch.setattr(indexes, "WAITING_JOBS", 2)
    await bench.add(3)
    assert await bench.store.reindex(()) is None
    monkeypatch.setattr(indexes, "WAITING_JOBS", 3)

    assert await bench.store.reindex(()) is not None


@pytest.mark.usefixtures("bloated")
async def test_a_build_that_waits_too_long_leaves_a_copy_which_is_dropped(
    bench: Bench, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "LOCK_TIMEOUT_MS", 100)
    with tables.rival() as rival:
        rival.execute("DELETE FROM job")  # the build waits for this transaction
        assert await bench.store.reindex(()) is None
    copies = [name for name in sizes(tables) if "_ccnew" in name]
    assert len(copies) == 1

    dropped = await bench.store.reindex(())

    assert dropped is not None
    assert (dropped.index, dropped.bytes_after) == (copies[0], 0)
    assert copies[0] not in sizes(tables)
    row = tables.connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()
    assert row == (0,)


@pytest.mark.usefixtures("bloated")
async def test_who_does_not_own_the_tables_leaves_them_alone(tables: Tables) -> None:
    run = tables.connection.execute
    run("DROP ROLE IF EXISTS no_owner")
    run("CREATE ROLE no_owner NOLOGIN")
    try:
        run("SELECT headrace.grant_worker('no_owner')")
        session = session_of(NAMESPACE) | {"role": "no_owner"}
        async with open_bridge(tables.url, session=session) as bridge:
            assert await PostgresStore(bridge, namespace=NAMESPACE).reindex(()) is None
    finally:
        run("DROP OWNED BY no_owner")
        run("DROP ROLE no_owner")


async def test_a_table_of_its_usual_size_is_not_bloated(
    bench: Bench, bridge: Bridge, tables: Tables, small_bloat: None
) -> None:
    run = tables.connection.execute
    run("INSERT INTO job (id, kind) SELECT gen_random_uuid(), 'k' FROM generate_series(1, 6000)")
    run("VACUUM ANALYZE job")
    with trio.fail_after(10):
        found = await bridge.run(lambda connection: indexes.sizes(connection, NAMESPACE))

    large = {each.name: each for each in found if each.bytes > 100_000}
    assert {"job_claim", "job_pkey"} <= set(large)
    assert [each for each in large.values() if each.bloated] == []


@pytest.mark.parametrize("rows", [0, 3_000])
def test_the_statements_of_schedules_and_sweeps_use_their_indexes(
    tables: Tables, rows: int
) -> None:
    tables.connection.execute(
        "INSERT INTO job (id, kind, state, finalized_at)"
        " SELECT gen_random_uuid(), 'k', 'completed', now() - n * interval '1 s'"
        " FROM generate_series(1, %s) AS n",
        [rows],
    )
    tables.connection.execute(
        "INSERT INTO schedule (name, kind, interval_seconds, next_at)"
        " SELECT 's' || n, 'k', 60, now() + n * interval '1 s' FROM generate_series(1, %s) AS n",
        [rows],
    )
    now = datetime.now(UTC)

    swept = explain(tables, "prune_queue", "completed", "q", 60.0, now, 100, 1)
    due = explain(tables, "due_schedules", 100)
    fired = explain(
        *(tables, "fire", ["s1"], [now], [now], [now], [None], [1], [now], [uuid4()], None)
    )

    assert {index for _, index in swept.scans_of("job")} <= {"job_finalized", "job_pkey"}
    assert swept.unbounded("job") == []
    assert {index for _, index in due.scans_of("schedule")} == {"schedule_due"}
    assert due.unbounded("schedule") == []
    assert {index for _, index in fired.scans_of("schedule")} == {"schedule_pkey"}
    assert {index for _, index in fired.scans_of("job")} <= {"job_pkey"}
