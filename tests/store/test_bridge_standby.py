"""A unit that begins at a note: with every bridge, on its far side."""

from __future__ import annotations

import pytest
import trio

from actors.store.bridge import Bridge, Connection
from actors.store.standby import Standby
from runtime.errors import StoreUnavailable
from tests.store.conftest import OpenBridge
from tests.support.sessions import query, until

CHANNEL = "headrace.wakeup"
PATIENCE = 10.0


async def one(connection: Connection) -> int:
    value: int = await connection.fetchval("SELECT 1")
    return value


async def run_at(bridge: Bridge, standby: Standby, answers: list[int | None]) -> None:
    with trio.fail_after(PATIENCE):
        answers.append(await bridge.run_at(standby, one))


async def test_a_unit_begins_at_the_note_which_nobody_else_gets(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with (
        open_this_bridge(shared_database_url) as bridge,
        bridge.listen([CHANNEL]) as notes,
        trio.open_nursery() as nursery,
    ):
        standby, answers = Standby(CHANNEL, notes), list[int | None]()
        nursery.start_soon(run_at, bridge, standby, answers)
        await until(lambda: standby.on_withdraw is not None)
        for payload in ("first", "second"):
            query(shared_database_url, "SELECT pg_notify(%s, %s)", CHANNEL, payload)
        with trio.fail_after(PATIENCE):
            assert await notes.receive() == (CHANNEL, "second")
        await until(lambda: answers == [1])
        assert standby.woken_by == "first"


async def test_a_withdrawn_unit_never_begins(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with (
        open_this_bridge(shared_database_url) as bridge,
        bridge.listen([CHANNEL]) as notes,
        trio.open_nursery() as nursery,
    ):
        standby, answers = Standby(CHANNEL, notes), list[int | None]()
        nursery.start_soon(run_at, bridge, standby, answers)
        await until(lambda: standby.on_withdraw is not None)
        standby.withdraw()
        await until(lambda: answers == [None])
        query(shared_database_url, "SELECT pg_notify(%s, %s)", CHANNEL, "x")
        with trio.fail_after(PATIENCE):
            assert await notes.receive() == (CHANNEL, "x")


async def test_a_closing_bridge_answers_those_who_wait(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    standby = Standby(CHANNEL, None)
    async with trio.open_nursery() as nursery:

        async def wait(bridge: Bridge) -> None:
            with pytest.raises(StoreUnavailable):
                await bridge.run_at(standby, one)

        async with open_this_bridge(shared_database_url) as bridge:
            nursery.start_soon(wait, bridge)
            await until(lambda: standby.on_withdraw is not None)
