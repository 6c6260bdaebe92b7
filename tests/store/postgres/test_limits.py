"""Limits over all nodes, under what only PostgreSQL can do: many claims at once, large backlogs."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import trio

from actors.store.protocol import Demand
from runtime import sql
from runtime.limits import QueueLimits, Rate
from tests.store.harness import Bench
from tests.store.tables import Tables

DEMAND = [Demand("default", ("k",), 5)]


async def test_claims_at_once_take_no_more_together_than_the_limit(bench: Bench) -> None:
    await bench.add(100)
    bench.hands.limit("default", QueueLimits(concurrency=7, rate=Rate(1, per=1e5, burst=20)))
    nodes = [await bench.node() for _ in range(8)]
    taken: list[Any] = []

    async def claim(node: int) -> None:
        taken.extend((await bench.store.claim_limited(node, DEMAND)).jobs)

    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(claim, node)

    assert len(taken) == len({job.id for job in taken}) == 7


async def test_a_claim_that_waited_for_another_counts_what_that_one_took(
    bench: Bench, tables: Tables
) -> None:
    await bench.add(10)
    bench.hands.limit("default", QueueLimits(concurrency=3))
    node, other = await bench.node(), await bench.node()
    answers: list[Any] = []

    async def claim() -> None:
        answers.append(await bench.store.claim_limited(node, DEMAND))

    with tables.rival() as rival:
        values = [other, ["default"], ["{k}"], [2]]
        psycopg.RawCursor(rival).execute(sql.load("claim_limited"), values)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(claim)
            with trio.fail_after(10):
                while not tables.blocked():  # noqa: ASYNC110 - nothing tells us
                    await trio.sleep(0.005)
            rival.commit()

    assert len(answers[0].jobs) == 1


def blocks_of_a_claim(tables: Tables) -> int:
    """How many blocks a claim for 10 places reads."""
    tables.connection.execute(
        "INSERT INTO node (name, host, boot_id, pid, pid_started, version, queues, workers,"
        " expires_at) VALUES ('n', 'h', 'b', 1, '0', '0', '{default}', 1, 'infinity')"
    )
    tables.connection.execute("SET enable_seqscan = off")
    tables.connection.execute("SET enable_bitmapscan = off")
    found = tables.connection.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
        " SELECT * FROM claim_limited((SELECT max(id) FROM node), 'default', '{k}', 10)"
    ).fetchone()
    assert found is not None
    return int(found[0][0]["Plan"]["Shared Hit Blocks"])


async def test_one_keys_backlog_is_not_walked_over(bench: Bench, tables: Tables) -> None:
    tables.connection.execute(
        "INSERT INTO job (id, kind, key, scheduled_at)"
        " SELECT uuid7(n), 'k', CASE WHEN n <= 20000 THEN 'busy' ELSE 'calm-' || n END,"
        " now() - interval '1 hour' + n * interval '1 ms' FROM generate_series(1, 20005) AS n"
    )
    bench.hands.limit("default", QueueLimits(per_key=1))

    assert blocks_of_a_claim(tables) < 3_000  # with what is written; 20,000 rows are more

    (count,) = tables.connection.execute(
        "SELECT count(DISTINCT key) FROM job WHERE state = 'running'"
    ).fetchone() or (0,)
    assert count == 6


async def test_jobs_without_a_key_get_their_turn_behind_a_large_backlog(
    bench: Bench, tables: Tables
) -> None:
    tables.connection.execute(
        "INSERT INTO job (id, kind, key, scheduled_at)"
        " SELECT uuid7(n), 'k', CASE WHEN n <= 500 THEN 'busy' END,"
        " now() - interval '1 hour' + n * interval '1 ms' FROM generate_series(1, 502) AS n"
    )
    bench.hands.limit("default", QueueLimits(per_key=1))
    node = await bench.node()

    taken = [await bench.store.claim_limited(node, DEMAND) for _ in range(3)]

    assert [job.key for claim in taken for job in claim.jobs] == ["busy", None, None]
    assert taken[0].again_seconds["default"] == 0.005  # it has not seen all yet


@pytest.mark.parametrize("limits", [QueueLimits(concurrency=1_000), QueueLimits(per_key=1_000)])
async def test_a_claim_planned_while_nothing_was_there_reads_by_indexes_all_the_same(
    bench: Bench, tables: Tables, limits: QueueLimits
) -> None:
    bench.hands.limit("default", limits)
    tables.connection.execute("SET plan_cache_mode = force_generic_plan")
    blocks_of_a_claim(tables)
    tables.connection.execute(
        "INSERT INTO job (id, kind, key, scheduled_at)"
        " SELECT uuid7(n), 'k', 'key-' || n % 50, now() - interval '1 hour' + n * interval '1 ms'"
        " FROM generate_series(1, 20000) AS n"
    )

    assert blocks_of_a_claim(tables) < 1_500  # with what is written; 20,000 rows are more
