"""Statements that take many rows take them in one order, or wait for none: no two can deadlock.

A rival holds one row. One statement begins to wait for it; another one, begun after it, may take
what the first wants next, and then waits too. When the rival lets go, both must end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
import trio

from actors.store.bridge import Bridge, Connection
from actors.store.protocol import Retention
from runtime import sql
from runtime.errors import JobNotFound
from runtime.ids import uuid7
from runtime.job import NewJob
from tests.store.harness import Bench
from tests.store.tables import Tables


async def both_end(
    tables: Tables,
    hold: Callable[[psycopg.Connection], object],
    *asks: Callable[[], Awaitable[Any]],
    waiting: int,
    commits: bool = True,
) -> list[Any]:
    """The answers of those that were asked while a rival held what `hold` takes.

    `waiting` of them are blocked before the rival lets go; the one after the other is begun when
    the one before has ended or is blocked.
    """
    answers: dict[int, Any] = {}

    async def ask_one(place: int) -> None:
        answers[place] = await asks[place]()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            with tables.rival() as rival:
                hold(rival)
                for place in range(len(asks)):
                    nursery.start_soon(ask_one, place)
                    while len(answers) + tables.blocked() <= place:  # noqa: ASYNC110
                        await trio.sleep(0.002)
                assert tables.blocked() == waiting
                if not commits:
                    rival.rollback()
    return [answers[place] for place in range(len(asks))]


async def test_pauses_and_a_resumption_of_all_queues(bench: Bench, tables: Tables) -> None:
    for name in ("b", "a"):
        await bench.store.pause(name)

    await both_end(
        tables,
        lambda rival: rival.execute("SELECT FROM queue WHERE name = 'a' FOR UPDATE"),
        lambda: bench.store.pause("*"),
        lambda: bench.store.resume("*"),
        waiting=2,
    )


async def test_a_prune_and_a_client_that_waits_for_jobs(
    bench: Bench, bridge: Bridge, tables: Tables
) -> None:
    low, high = sorted((uuid7(), uuid7()))
    for job_id in (high, low):
        tables.connection.execute(
            "INSERT INTO waiter VALUES (%s, now() - interval '1 s')", [job_id]
        )

    async def await_both(connection: Connection) -> None:
        await connection.execute(sql.load("client_await"), [high, low], 60.0)

    await both_end(
        tables,
        lambda rival: rival.execute("SELECT FROM waiter WHERE job_id = %s FOR UPDATE", [low]),
        lambda: bridge.run(await_both),
        lambda: bench.store.prune(Retention(), 100),
        waiting=1,
    )

    (row,) = tables.connection.execute("SELECT count(*) FROM waiter").fetchall()
    assert row == (2,)


@pytest.mark.parametrize("commits", [True, False])
async def test_bulks_of_the_same_ids_in_other_orders(
    bench: Bench, tables: Tables, commits: bool
) -> None:
    low, high = sorted((uuid7(), uuid7()))

    def jobs(*ids: Any) -> list[NewJob]:
        return [NewJob(id=job_id, kind="k") for job_id in ids]

    answers = await both_end(
        tables,
        lambda rival: rival.execute("INSERT INTO job (id, kind) VALUES (%s, 'k')", [high]),
        lambda: bench.store.enqueue(jobs(low, high)),
        lambda: bench.store.enqueue(jobs(high, low)),
        waiting=2,
        commits=commits,
    )

    assert answers == [[True, not commits], [False, False]]


async def test_of_two_that_delete_a_job_at_once_one_does_not_find_it(
    bench: Bench, tables: Tables
) -> None:
    (job_id,) = await bench.add()

    async def delete() -> Any:
        try:
            return await bench.store.delete(job_id)
        except JobNotFound:
            return "not found"

    answers = await both_end(
        tables,
        lambda rival: rival.execute("SELECT FROM job WHERE id = %s FOR UPDATE", [job_id]),
        delete,
        delete,
        waiting=2,
    )

    assert sorted(map(str, answers)) == ["True", "not found"]
