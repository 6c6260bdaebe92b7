"""What a node was told outlives a crash of PostgreSQL, also where commits need not wait for it.

If it did not, a node that lives on would run a job that the database gives away once more, under
the same run number, and both outcomes would pass the fence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import psycopg
import trio
from psycopg import sql

from actors.store.bridge import open_bridge
from actors.store.postgres import PostgresStore, session_of
from actors.store.protocol import Demand
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from tests.store.harness import ack_of, new_job, node_info
from tests.support.migrated import migrate
from tests.support.postgres import RestartableServer, database_name

NAMESPACE = "headrace"
PLACE = [Demand("default", ("k",), 1)]

T = TypeVar("T")


def prepare(server: RestartableServer) -> str:
    """A database in which a commit, unless it waits for that, reaches the disk in ten seconds."""
    url = server.create_database()
    migrate(url)
    name = sql.Identifier(database_name(url))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
    return url


async def test_what_a_node_was_told_outlives_a_crash(restartable_server: RestartableServer) -> None:
    url = await trio.to_thread.run_sync(prepare, restartable_server)

    async def ask(ask_it: Callable[[PostgresStore], Awaitable[T]], pooler: bool = False) -> T:
        session = session_of(NAMESPACE)
        async with open_bridge(url, session=session, pooler=pooler) as bridge:
            return await ask_it(PostgresStore(bridge, namespace=NAMESPACE))

    async def crash_after(act: Callable[[PostgresStore], Awaitable[T]], pooler: bool = False) -> T:
        told = await ask(act, pooler)
        await trio.to_thread.run_sync(restartable_server.kill_postmaster)
        await trio.to_thread.run_sync(restartable_server.start)
        return told

    async def claim(store: PostgresStore) -> list[ClaimedJob]:
        return await store.claim(node, PLACE)

    async def holdings() -> list[tuple[UUID, int]]:
        return await ask(lambda store: store.holdings(node))

    await ask(lambda store: store.enqueue([new_job(), new_job()]))
    node = await crash_after(lambda store: store.join(node_info(), 60.0))
    assert await ask(lambda store: store.renew(node, 60.0)), "it is known"

    (first,) = await crash_after(claim)
    assert await holdings() == [(first.id, 1)]

    (second,) = await crash_after(claim, pooler=True)
    assert await holdings() == sorted([(first.id, 1), (second.id, 1)])

    await crash_after(lambda store: store.ack([ack_of(first)]))
    assert await holdings() == [(second.id, 1)]
    assert (await ask(lambda store: store.get(first.id))).state is JobState.COMPLETED
