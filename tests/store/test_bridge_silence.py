"""A path to the database that has forgotten all connections, as a firewall does: new ones work."""

from __future__ import annotations

import pytest
import trio

from actors.store.bridge import Connection
from runtime.errors import StoreUnavailable
from tests.store.conftest import OpenBridge
from tests.store.test_bridge import backend
from tests.support.proxy import open_proxy


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
