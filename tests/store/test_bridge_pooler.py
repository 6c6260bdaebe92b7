"""Behind a transaction pooler: no session state, no prepared statements, settings in each unit."""

from __future__ import annotations

import pytest
import trio

from actors.store.bridge import Connection, DatabaseError
from tests.store.conftest import OpenBridge
from tests.support.sessions import query

SESSION = {"search_path": "mine, pg_catalog", "enable_seqscan": "off"}


async def _settings(connection: Connection) -> list[str]:
    names = ("search_path", "enable_seqscan")
    return [await connection.fetchval("SELECT current_setting($1)", name) for name in names]


async def _state(connection: Connection) -> tuple[int, bool]:
    prepared = await connection.fetchval("SELECT count(*) FROM pg_prepared_statements")
    # In a transaction block, now() stands still.
    first = await connection.fetchval("SELECT now()")
    await connection.execute("SELECT pg_sleep(0.001)")
    return prepared, first == await connection.fetchval("SELECT now()")


async def test_each_unit_is_one_transaction_with_its_settings(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url, pooler=True, session=SESSION) as bridge:
        assert bridge.pooler
        assert await bridge.run(_settings) == ["mine, pg_catalog", "off"]
        assert await bridge.run(_state) == (0, True)


async def test_no_setting_outlives_its_unit(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    """As the next client of the same server connection would see it."""

    async def outside(connection: Connection) -> list[str]:
        await connection.execute("ROLLBACK")
        try:
            return await _settings(connection)
        finally:
            await connection.execute("BEGIN")

    async with open_this_bridge(
        shared_database_url, pooler=True, session=SESSION, max_size=1
    ) as bridge:
        await bridge.run(_settings)
        assert "off" not in await bridge.run(outside)


async def test_a_failed_or_cancelled_unit_writes_nothing(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    query(shared_database_url, "CREATE SCHEMA mine CREATE TABLE t (n int)")

    async def fail(connection: Connection) -> None:
        await connection.execute("INSERT INTO t VALUES (1)")
        await connection.execute("SELECT 1 / 0")

    async def hang(connection: Connection) -> None:
        await connection.execute("INSERT INTO t VALUES (2)")
        await connection.execute("SELECT pg_sleep(600)")

    async def write(connection: Connection) -> None:
        async with connection.transaction():
            await connection.execute("INSERT INTO t VALUES (3)")

    async with open_this_bridge(
        shared_database_url, pooler=True, session=SESSION, max_size=1
    ) as bridge:
        with pytest.raises(DatabaseError):
            await bridge.run(fail)
        with trio.move_on_after(0.05):
            await bridge.run(hang)
        await bridge.run(write)
    assert query(shared_database_url, "SELECT n FROM mine.t") == [(3,)]
