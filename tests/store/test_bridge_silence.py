"""A path to the database that has forgotten all connections, as a firewall does: new ones work."""

from __future__ import annotations

import pytest
import trio

from actors.store.bridge import Connection
from runtime.errors import StoreUnavailable
from tests.store.conftest import OpenBridge
from tests.store.test_bridge import ASLEEP, backend, sleep_long
from tests.support.proxy import open_proxy
from tests.support.sessions import sessions, until


async def hold(connection: Connection) -> None:
    """Keep a connection, so that the next unit has to make one."""
    await connection.execute("SELECT pg_sleep(0.2)")


async def test_one_connection_that_does_not_answer_has_the_idle_ones_replaced(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with (
        open_proxy(shared_database_url) as proxy,
        open_this_bridge(proxy.url, max_size=4) as bridge,
    ):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(bridge.run, hold)
        assert proxy.links == 4
        proxy.strand()
        with pytest.raises(StoreUnavailable):
            await bridge.run(backend, timeout_seconds=0.5)
        assert await bridge.run(backend, timeout_seconds=2)


async def test_a_cancelled_unit_that_is_not_answered_has_the_idle_ones_replaced_too(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with (
        open_proxy(shared_database_url) as proxy,
        open_this_bridge(proxy.url, max_size=4) as bridge,
    ):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(bridge.run, hold)
        proxy.strand()
        with trio.move_on_after(0.5):
            await bridge.run(backend)
        assert await bridge.run(backend, timeout_seconds=2)


async def sleep_in_a_transaction(connection: Connection) -> None:
    """Be inside a transaction, whose end waits for the answer of what it cut off."""
    async with connection.transaction():
        await sleep_long(connection)


async def test_a_cancelled_unit_that_tidies_up_where_nobody_answers_ends_all_the_same(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with (
        open_proxy(shared_database_url) as proxy,
        open_this_bridge(proxy.url, max_size=2) as bridge,
    ):
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bridge.run, sleep_in_a_transaction)
                await until(lambda: sessions(shared_database_url, ASLEEP))
                proxy.strand()
                nursery.cancel_scope.cancel()
        assert await bridge.run(backend, timeout_seconds=2)


async def test_a_unit_that_took_too_long_and_tidies_up_where_nobody_answers_ends_too(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def take_too_long() -> None:
        with pytest.raises(StoreUnavailable, match=r"did not answer within 2 s"):
            await bridge.run(sleep_in_a_transaction, timeout_seconds=2)

    async with (
        open_proxy(shared_database_url) as proxy,
        open_this_bridge(proxy.url, max_size=2) as bridge,
    ):
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(take_too_long)
                await until(lambda: sessions(shared_database_url, ASLEEP))
                proxy.strand()
        assert await bridge.run(backend, timeout_seconds=2)
