"""Sequences: jobs of one key, one at a time and in order, whoever commits when."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import UUID

import psycopg
import pytest

from actors.store.protocol import Demand
from runtime import sql
from runtime.ids import uuid7
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from tests.store.harness import OOPS, Bench, ack_of
from tests.store.tables import Tables

_ENQUEUE = "SELECT enqueue('k', id => %s, key => %s, sequence => true)"


async def states(bench: Bench, ids: Sequence[UUID]) -> list[str]:
    return [(await bench.state(job_id)).value for job_id in ids]


def enqueue(connection: psycopg.Connection, key: str = "a") -> UUID:
    job_id = uuid7()
    connection.execute(_ENQUEUE, [job_id, key])
    return job_id


def due(tables: Tables) -> int:
    row = tables.connection.execute("SELECT count(*) FROM sequence_due").fetchone()
    assert row is not None
    return int(row[0])


async def end(bench: Bench, jobs: Sequence[ClaimedJob], state: JobState, **how: object) -> None:
    acked = await bench.store.ack([ack_of(job, state, **how) for job in jobs])
    assert acked.written == len(jobs)


@pytest.mark.parametrize("last", [JobState.COMPLETED, JobState.DISCARDED, JobState.CANCELLED])
async def test_the_next_job_of_a_key_waits_for_the_end_of_the_one_in_front(
    bench: Bench, last: JobState
) -> None:
    first, second, third = [(await bench.add(key="a", sequence=True))[0] for _ in range(3)]
    (other,) = await bench.add(key="b", sequence=True)
    node = await bench.node(lease_seconds=1e6)
    assert await states(bench, [first, second, third]) == ["available", "pending", "pending"]
    begun = await bench.claim(node)
    assert {job.id for job in begun} == {first, other}
    held = [job for job in begun if job.id == first]

    await end(bench, held, JobState.RETRYABLE, delay_seconds=60.0, failure=OOPS)
    assert await bench.claim(node) == []  # what will be tried again holds its key
    bench.hands.pass_time(61)
    await bench.store.stage(10)
    await end(bench, await bench.claim(node), last, failure=OOPS)

    assert await states(bench, [first, second, third]) == [last.value, "available", "pending"]


async def test_cancelling_and_deleting_lets_the_next_one_go_on(bench: Bench) -> None:
    ids = [(await bench.add(key="a", sequence=True))[0] for _ in range(4)]

    await bench.store.cancel(ids[1])
    assert await states(bench, ids) == ["available", "cancelled", "pending", "pending"]
    await bench.store.cancel(ids[0])
    assert await states(bench, ids[2:]) == ["available", "pending"]
    assert await bench.store.delete(ids[2])
    assert await states(bench, ids[3:]) == ["available"]


async def test_a_retried_job_stands_in_front_of_those_that_wait_and_behind_the_one_that_runs(
    bench: Bench,
) -> None:
    ids = [(await bench.add(key="a", sequence=True))[0] for _ in range(3)]
    node = await bench.node()
    await end(bench, await bench.claim(node), JobState.DISCARDED, failure=OOPS)
    running = await bench.claim(node)

    await bench.store.retry(ids[0])
    assert await states(bench, ids) == ["pending", "running", "pending"]
    await end(bench, running, JobState.COMPLETED)
    assert await states(bench, ids) == ["available", "completed", "pending"]


async def test_one_enqueued_while_the_one_in_front_ends_is_not_forgotten(
    bench: Bench, tables: Tables
) -> None:
    await bench.add(key="a", sequence=True)
    node = await bench.node()
    (first,) = await bench.claim(node)
    with tables.rival() as rival:
        late = enqueue(rival)  # not committed: whoever ends cannot see it
        await end(bench, [first], JobState.COMPLETED)

    assert await states(bench, [late]) == ["available"]


async def test_an_end_that_meets_a_commit_waits_for_nobody_and_is_seen_to(
    bench: Bench, tables: Tables
) -> None:
    await bench.add(key="a", sequence=True)
    (second,) = await bench.add(key="a", sequence=True)
    node = await bench.node()
    (first,) = await bench.claim(node)
    with tables.rival() as rival:
        enqueue(rival)
        rival.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as in the middle of a slow commit
        await end(bench, [first], JobState.COMPLETED)
        assert due(tables) == 1
        assert (await bench.store.stage(10)).next_due_seconds is not None  # waits briefly, for it
        assert await states(bench, [second]) == ["pending"]

    await bench.store.stage(10)
    assert await states(bench, [second]) == ["available"]
    assert due(tables) == 0


async def test_a_transaction_with_an_old_snapshot_leaves_it_to_the_stager(
    bench: Bench, tables: Tables
) -> None:
    await bench.add(key="a", sequence=True)
    node = await bench.node()
    (first,) = await bench.claim(node)
    rival = tables.rival()
    rival.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with rival:
        late = enqueue(rival)
        await end(bench, [first], JobState.COMPLETED)
    assert await states(bench, [late]) == ["pending"]

    await bench.store.stage(10)

    assert await states(bench, [late]) == ["available"]


async def test_the_order_is_that_of_transactions_and_within_one_that_of_ids(
    bench: Bench, tables: Tables
) -> None:
    await bench.add(key="a", sequence=True)
    with tables.rival() as rival:
        rival.execute("SELECT 1")
        (later,) = await bench.add(key="a", sequence=True)
        ids = [enqueue(rival) for _ in range(2)]  # commits last, but began before
    node = await bench.node()

    done: list[UUID] = []
    while begun := await bench.claim(node):
        done += [job.id for job in begun]
        await end(bench, begun, JobState.COMPLETED)

    assert done[1:] == [*ids, later]


async def test_writers_at_once_and_the_work_leave_no_job_behind(
    bench: Bench, tables: Tables
) -> None:
    def write() -> None:
        with psycopg.connect(tables.url, options="-c search_path=headrace") as connection:
            for number in range(15):
                enqueue(connection, f"key-{number % 2}")
                connection.commit()

    writers = [threading.Thread(target=write) for _ in range(6)]
    for writer in writers:
        writer.start()
    node = await bench.node()
    demand = [Demand("default", ("k",), 10)]
    done = 0
    while done < 90:
        begun = await bench.store.claim(node, demand)
        assert len({job.key for job in begun}) == len(begun)
        await end(bench, begun, JobState.COMPLETED)
        done += len(begun)
        await bench.store.stage(10)
    for writer in writers:
        writer.join()
    assert due(tables) == 0


def test_a_claim_does_not_walk_over_jobs_that_wait_for_their_key(tables: Tables) -> None:
    tables.connection.execute(
        "INSERT INTO job (id, kind, queue, key, sequence)"
        " SELECT uuid7(n), 'k', 'default', 'a', true FROM generate_series(1, 3000) AS n"
    )
    tables.connection.execute(
        "INSERT INTO node (name, host, boot_id, pid, pid_started, version, queues, workers,"
        " expires_at) VALUES ('n', 'h', 'b', 1, '0', '0', '{default}', 1, 'infinity')"
    )
    cursor = psycopg.RawCursor(tables.connection)
    values = ["{default}", '{"{k}"}', "{100}", "{NULL}"]
    node = tables.connection.execute("SELECT max(id) FROM node").fetchone()
    assert node is not None

    found = cursor.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql.load("claim"), [node[0], *values]
    ).fetchone()

    assert found is not None
    assert found[0][0]["Plan"]["Shared Hit Blocks"] < 200


async def test_a_bulk_of_many_keys_takes_few_locks_and_leaves_none_behind(
    bench: Bench, tables: Tables
) -> None:
    with tables.rival() as rival:
        rival.execute(
            "INSERT INTO job (id, kind, key, sequence)"
            " SELECT uuid7(n), 'k', 'key-' || n % 200, true FROM generate_series(1, 400) AS n"
        )
        rival.execute("SET CONSTRAINTS ALL IMMEDIATE")
        (locks,) = rival.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        ).fetchone() or (0,)
        assert locks <= 64
    assert due(tables) > 0

    while (await bench.store.stage(10)).next_due_seconds == 0:
        pass

    assert due(tables) == 0
    assert len(await bench.claim(await bench.node(), places=1_000)) == 200
