"""The counts of jobs are right in every snapshot, whoever writes, and are not made by counting."""

from __future__ import annotations

import threading

import psycopg

from actors.store.bridge import open_bridge
from actors.store.migrate import Migrator
from actors.store.protocol import Demand, Retention
from runtime import sql
from runtime.lifecycle import JobState
from runtime.limits import QueueLimits
from tests.store.harness import Bench, ack_of
from tests.store.postgres.plans import explain
from tests.store.tables import Tables

_COUNTED = "SELECT queue, state, sum(jobs) FROM job_count GROUP BY 1, 2 HAVING sum(jobs) <> 0"
_SCANNED = "SELECT queue, state, count(*) FROM job GROUP BY 1, 2"
# Both in one statement, so of one snapshot.
_DIFFERENCE = f"""
    SELECT count(*)
    FROM (
        (({_COUNTED}) EXCEPT ({_SCANNED})) UNION ALL (({_SCANNED}) EXCEPT ({_COUNTED}))
    ) AS differing
"""


def difference(tables: Tables) -> int:
    row = tables.connection.execute(_DIFFERENCE.encode()).fetchone()
    assert row is not None
    return int(row[0])


def folded(tables: Tables, from_rows: int = 0) -> int:
    """How many rows are left once they are folded."""
    psycopg.RawCursor(tables.connection).execute(sql.load("job_count_fold"), [from_rows])
    row = tables.connection.execute("SELECT count(*) FROM job_count").fetchone()
    assert row is not None
    return int(row[0])


async def test_a_jobs_life_is_counted_from_its_first_to_its_last_statement(
    bench: Bench, tables: Tables
) -> None:
    await bench.add(5)
    await bench.add(3, queue="other", delay_seconds=60.0)
    node = await bench.node()
    first, second, third, fourth, _ = await bench.claim(node)
    assert difference(tables) == 0
    await bench.store.ack([ack_of(first), ack_of(second)])
    await bench.store.ack([ack_of(third, JobState.RETRYABLE, delay_seconds=60.0)])
    await bench.store.release([(fourth.id, fourth.run_number)])
    await bench.store.cancel(fourth.id)
    await bench.store.delete(first.id)
    assert difference(tables) == 0
    bench.hands.pass_time(120.0)
    await bench.store.rescue(100)
    await bench.store.stage(100)
    await bench.store.prune(Retention(completed_seconds=1.0), 100)

    assert difference(tables) == 0
    assert {state: jobs for state, jobs in (await bench.store.counts()).items() if jobs} == {
        JobState.AVAILABLE: 5,
        JobState.CANCELLED: 1,
    }
    assert [(queue.name, queue.available) for queue in await bench.store.queues()] == [
        ("default", 2),
        ("other", 3),
    ]
    tables.connection.execute("TRUNCATE job, failure")
    assert sum((await bench.store.counts()).values()) == 0


async def test_claims_from_a_queue_with_limits_are_counted(bench: Bench, tables: Tables) -> None:
    await bench.add(3, key="a")
    await bench.add(3, key="b")
    await bench.add(2)
    node = await bench.node(lease_seconds=1e6)
    demand = [Demand("default", ("k",), 2)]
    await bench.claim(node, places=1)
    for limits in (QueueLimits(concurrency=9), QueueLimits(per_key=9), QueueLimits(fair=True)):
        bench.hands.limit("default", limits)
        assert len((await bench.store.claim_limited(node, demand)).jobs) == 2
        assert difference(tables) == 0
        bench.hands.pass_time(100)  # so what runs is marked
    tables.connection.execute("SELECT disable_namespace()")
    try:
        assert (await bench.store.claim_limited(node, demand)).jobs == []
        assert difference(tables) == 0
    finally:
        tables.connection.execute("SELECT enable_namespace()")


async def test_what_others_do_beside_a_statement_that_counts_itself_is_counted(
    bench: Bench, tables: Tables
) -> None:
    """In a trigger of theirs within it, and in the same session after it."""
    run = tables.connection.execute
    run(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE job SET queue = 'moved' WHERE queue = 'aside'; RETURN NULL; END $$"
    )
    run(
        "CREATE TRIGGER meddling AFTER UPDATE ON job FOR EACH ROW"
        " WHEN (NEW.state = 'running' AND NEW.queue = 'default') EXECUTE FUNCTION meddle()"
    )
    try:
        await bench.add(2)
        await bench.add(1, queue="aside")
        await bench.claim(await bench.node())

        assert difference(tables) == 0
        run("SELECT set_config('hr.counts', 'own', true)")  # over with its transaction
        run("UPDATE job SET queue = 'elsewhere'")
        assert difference(tables) == 0
        assert set(run(_COUNTED.encode()).fetchall()) == {
            ("elsewhere", "running", 2),
            ("elsewhere", "available", 1),
        }
    finally:
        run("DROP TRIGGER meddling ON job")
        run("DROP FUNCTION meddle()")


def test_what_is_rolled_back_is_not_counted(tables: Tables) -> None:
    with tables.rival() as rival:
        rival.execute(
            "INSERT INTO job (id, kind) SELECT uuid7(n), 'k' FROM generate_series(1, 9) n"
        )
        rival.execute("SAVEPOINT here")
        rival.execute("UPDATE job SET queue = 'q'")
        rival.execute("ROLLBACK TO here")
        assert difference(tables) == 0  # nobody else sees either
        rival.execute("DELETE FROM job WHERE id IN (SELECT id FROM job LIMIT 4)")
        rival.commit()
        rival.execute("DELETE FROM job")
        rival.rollback()

    assert difference(tables) == 0
    assert tables.connection.execute(_COUNTED.encode()).fetchall() == [("default", "available", 5)]


def test_it_is_right_in_every_snapshot_while_many_write_and_fold(tables: Tables) -> None:
    stop = threading.Event()

    def write(queue: str) -> None:
        with tables.rival() as rival:
            for round_ in range(40):
                rival.execute(
                    "INSERT INTO job (id, kind, queue)"
                    " SELECT uuid7(n), 'k', %s FROM generate_series(1, 5) AS n",
                    [queue],
                )
                rival.execute(
                    "UPDATE job SET state = 'cancelled', finalized_at = now()"
                    " WHERE queue = %s AND state = 'available'",
                    [queue],
                )
                if round_ % 3:
                    rival.commit()
                else:
                    rival.rollback()

    def fold() -> None:
        with tables.rival() as rival:
            while not stop.is_set():
                psycopg.RawCursor(rival).execute(sql.load("job_count_fold"), [0])
                rival.commit()

    writers = [threading.Thread(target=write, args=(f"q{n}",)) for n in range(3)]
    folders = [threading.Thread(target=fold) for _ in range(2)]
    for thread in [*writers, *folders]:
        thread.start()
    seen = []
    while any(writer.is_alive() for writer in writers):
        seen.append(difference(tables))
    stop.set()
    for thread in [*writers, *folders]:
        thread.join()

    assert set(seen) == {0}
    assert difference(tables) == 0
    assert folded(tables) == 3
    assert difference(tables) == 0


def test_few_rows_are_left_unfolded(tables: Tables) -> None:
    for number in range(5):
        tables.connection.execute("INSERT INTO job (id, kind) VALUES (uuid7(%s), 'k')", [number])

    assert folded(tables, from_rows=6) == 5
    assert folded(tables, from_rows=5) == 1


async def test_jobs_of_before_are_counted_while_others_write(tables: Tables) -> None:
    """The triggers come first, and what was there is added by a snapshot of all."""
    other = Tables(tables.url, "counted_late")
    triggers = _version("job_count")
    try:
        async with open_bridge(other.url, max_size=2) as bridge:
            migrator = Migrator(bridge, "counted_late")
            await migrator.up(triggers - 1)
            insert = "INSERT INTO job (id, kind) SELECT uuid7(n), 'k' FROM generate_series(1, 7) n"
            other.connection.execute(insert)
            await migrator.up(triggers)
            assert other.connection.execute(_COUNTED.encode()).fetchall() == []
            with other.rival() as rival:
                rival.execute("DELETE FROM job WHERE id IN (SELECT id FROM job LIMIT 2)")
                await migrator.up(_version("job_count_base"))  # while that transaction is open
                rival.execute(insert)
                rival.commit()
        assert difference(other) == 0
        assert other.connection.execute(_COUNTED.encode()).fetchall()[0][2] == 12
    finally:
        other.connection.execute("DROP SCHEMA IF EXISTS counted_late CASCADE")
        other.close()


def _version(name: str) -> int:
    (file,) = (sql.SCHEMA / "migrations").glob(f"[0-9]*_{name}.sql")
    return int(file.name.partition("_")[0])


def test_no_job_is_read_to_count_them(tables: Tables) -> None:
    tables.connection.execute(
        "INSERT INTO job (id, kind) SELECT uuid7(n), 'k' FROM generate_series(1, 5000) AS n"
    )

    for statement in ("counts", "job_counts"):
        assert explain(tables, statement, analyse=True).scans_of("job") == set()
    assert (
        explain(tables, "queues", analyse=True).rows_read("job") <= 4
    )  # the oldest of each priority


def test_a_producer_without_rights_on_the_counts_is_counted(tables: Tables) -> None:
    run = tables.connection.execute
    run("DROP ROLE IF EXISTS headrace_counted_producer")
    run("CREATE ROLE headrace_counted_producer")
    try:
        run("SELECT grant_producer('headrace_counted_producer')")
        run("SET ROLE headrace_counted_producer")
        run("SELECT enqueue('k')")
        run("RESET ROLE")
        assert difference(tables) == 0
        assert run(_COUNTED.encode()).fetchall() == [("default", "available", 1)]
    finally:
        run("RESET ROLE")
        run("DROP OWNED BY headrace_counted_producer")
        run("DROP ROLE headrace_counted_producer")
