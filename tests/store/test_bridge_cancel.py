"""What cancelling does, and does not do, to a bridge's connections."""

from __future__ import annotations

import asyncio
import random

import pytest
import trio

from actors.store.bridge import Bridge, Connection, DatabaseError
from runtime.errors import StoreUnavailable
from tests.store.conftest import OpenBridge
from tests.store.test_bridge import ASLEEP, backend, one, sleep_long
from tests.support.proxy import open_proxy
from tests.support.sessions import query, sessions, until

POOL = 3


async def test_a_cancelled_unit_has_settled_and_its_connection_is_used_again(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url, max_size=1) as bridge:
        pid = await bridge.run(backend)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bridge.run, sleep_long)
            await until(lambda: sessions(shared_database_url, ASLEEP))
            nursery.cancel_scope.cancel()
        assert not sessions(shared_database_url, "state <> 'idle'")
        assert await bridge.run(backend) == pid


async def test_a_cancelled_transaction_is_rolled_back(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    query(shared_database_url, "CREATE TABLE t (n int)")

    async def unit(connection: Connection) -> None:
        async with connection.transaction():
            await connection.execute("INSERT INTO t VALUES (1)")
            await sleep_long(connection)

    async with open_this_bridge(shared_database_url, max_size=1) as bridge:
        pid = await bridge.run(backend)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bridge.run, unit)
            await until(lambda: sessions(shared_database_url, ASLEEP))
            nursery.cancel_scope.cancel()
        assert await bridge.run(backend) == pid
    assert query(shared_database_url, "SELECT count(*) FROM t") == [(0,)]


async def test_a_raw_begin_whose_unit_is_cancelled_is_rolled_back(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def unit(connection: Connection) -> None:
        await connection.execute("BEGIN")
        await sleep_long(connection)

    async with open_this_bridge(shared_database_url, max_size=1) as bridge:
        pid = await bridge.run(backend)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bridge.run, unit)
            await until(lambda: sessions(shared_database_url, ASLEEP))
            nursery.cancel_scope.cancel()
        assert await bridge.run(backend) == pid
        assert sessions(shared_database_url, "state = 'idle'") == [pid]


async def test_session_locks_of_a_cancelled_unit_are_released(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def unit(connection: Connection) -> None:
        await connection.execute("SELECT pg_advisory_lock(7)")
        await sleep_long(connection)

    async with open_this_bridge(shared_database_url, max_size=1) as bridge:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bridge.run, unit)
            await until(lambda: sessions(shared_database_url, ASLEEP))
            nursery.cancel_scope.cancel()
        assert query(shared_database_url, "SELECT pg_try_advisory_lock(7)") == [(True,)]


async def test_a_unit_that_ends_although_cancelled_returns_its_value(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    """What was done is told; the cancellation comes at the next checkpoint."""
    started = trio.Event()
    values: list[str] = []

    async def unit(connection: Connection) -> str:
        try:
            await sleep_long(connection)
        except asyncio.CancelledError:
            return "done"
        return "not cancelled"

    async with open_this_bridge(shared_database_url, max_size=1) as bridge:

        async def ask() -> None:
            started.set()
            values.append(await bridge.run(unit))
            await trio.lowlevel.checkpoint()
            values.append("not reached")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await until(lambda: sessions(shared_database_url, ASLEEP))
            nursery.cancel_scope.cancel()
        assert values == ["done"]
        assert await bridge.run(one) == 1


async def test_a_unit_in_a_cancelled_scope_does_not_begin(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    begun = False

    async def unit(connection: Connection) -> None:
        nonlocal begun
        begun = True

    async with open_this_bridge(shared_database_url) as bridge:
        with trio.CancelScope() as scope:
            scope.cancel()
            await bridge.run(unit)
        assert scope.cancelled_caught
        assert not begun


async def test_cancelling_towards_a_silent_server_is_bounded(
    open_this_bridge: OpenBridge, shared_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.store.bridge.pool.SETTLE_SECONDS", 0.1)
    async with open_proxy(shared_database_url) as proxy, open_this_bridge(proxy.url) as bridge:
        assert await bridge.run(one) == 1
        proxy.freeze()
        with trio.fail_after(5), trio.move_on_after(0.05) as scope:
            await bridge.run(one)
        assert scope.cancelled_caught
        proxy.thaw()
        assert await bridge.run(one) == 1


async def test_cancelling_while_connecting_to_a_silent_server_is_quick(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_proxy(shared_database_url) as proxy, open_this_bridge(proxy.url) as bridge:
        proxy.freeze()
        with trio.fail_after(5), trio.move_on_after(0.05) as scope:
            await bridge.run(one)
        assert scope.cancelled_caught
        proxy.thaw()
        assert await bridge.run(one) == 1


async def _written(connection: Connection, number: int) -> int:
    async with connection.transaction():
        await connection.execute("INSERT INTO t VALUES ($1)", number)
        await connection.execute("SELECT pg_sleep(0.001)")
    return number


async def _refused(connection: Connection, number: int) -> int:
    await connection.execute("SELECT 1 / 0")
    return number


async def _raw(connection: Connection, number: int) -> int:
    await connection.execute("BEGIN")
    await connection.execute("INSERT INTO t VALUES ($1)", number)
    await connection.execute("COMMIT")
    return number


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_storm_of_cancellations_leaves_a_sound_pool(
    open_this_bridge: OpenBridge, shared_database_url: str, seed: int
) -> None:
    query(shared_database_url, "CREATE TABLE t (n int)")
    random_ = random.Random(seed)
    returned: list[int] = []

    async def once(bridge: Bridge, number: int) -> None:
        unit = random_.choice([_written, _written, _raw, _refused])
        patience = random_.choice([0.0, 0.0005, 0.001, 0.002, 0.005, 0.02])
        tight = random_.random() < 0.1
        with trio.move_on_after(patience):
            try:
                done = await bridge.run(
                    lambda connection: unit(connection, number),
                    timeout_seconds=0.002 if tight else 30,
                )
            except DatabaseError as error:
                if error.sqlstate != "22012":
                    raise
            except StoreUnavailable:
                if not tight:
                    raise
            else:
                returned.append(done)

    async def many(bridge: Bridge, first: int) -> None:
        for number in range(first, first + 60):
            await once(bridge, number)

    async with open_this_bridge(shared_database_url, max_size=POOL) as bridge:
        async with trio.open_nursery() as nursery:
            for first in range(0, 360, 60):
                nursery.start_soon(many, bridge, first)
        await until(lambda: not sessions(shared_database_url, "state <> 'idle'"))
        assert len(sessions(shared_database_url)) <= POOL
        # All places are free, and every connection is outside of a transaction.
        async with trio.open_nursery() as nursery:
            for number in range(1000, 1000 + POOL):
                nursery.start_soon(many, bridge, number * 100)
        async with trio.open_nursery() as nursery:
            for _ in range(POOL):
                nursery.start_soon(bridge.run, _rests)
        assert await bridge.run(lambda connection: _written(connection, -1)) == -1
    written = {row[0] for row in query(shared_database_url, "SELECT n FROM t")}
    assert set(returned) <= written | {-1}
    await until(lambda: not sessions(shared_database_url))


async def _rests(connection: Connection) -> None:
    await connection.execute("SELECT pg_sleep(0.01)")
    assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned() IS NULL")
