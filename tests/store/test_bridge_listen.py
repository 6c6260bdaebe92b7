"""What every bridge promises of listening: notes come, and losses are told."""

from __future__ import annotations

import pytest
import trio

from actors.store.bridge import BACK, LOST, Bridge, Connection, DatabaseError, Note
from runtime.errors import ConfigError, StoreUnavailable
from tests.store.conftest import OpenBridge
from tests.support.postgres import RestartableServer
from tests.support.proxy import Proxy, open_proxy
from tests.support.sessions import end_sessions, query, sessions, until

CHANNELS = ["headrace.wakeup", "headrace.control"]
PATIENCE = 10.0


def notify(url: str, channel: str, payload: str) -> None:
    query(url, "SELECT pg_notify(%s, %s)", channel, payload)


async def receive(notes: trio.MemoryReceiveChannel[Note]) -> Note:
    with trio.fail_after(PATIENCE):
        return await notes.receive()


async def test_notes_come_from_all_channels_and_no_other(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url) as bridge, bridge.listen(CHANNELS) as notes:
        notify(shared_database_url, "headrace.wakeup", "default")
        notify(shared_database_url, "other", "x")
        notify(shared_database_url, "headrace.control", "pause:default")
        assert await receive(notes) == ("headrace.wakeup", "default")
        assert await receive(notes) == ("headrace.control", "pause:default")


async def test_a_unit_s_notification_reaches_a_waiting_task(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def wake(connection: Connection) -> None:
        await connection.execute("SELECT pg_notify('headrace.wakeup', '')")

    async with open_this_bridge(shared_database_url) as bridge, bridge.listen(CHANNELS) as notes:
        for _ in range(3):
            await bridge.run(wake)
            assert await receive(notes) == ("headrace.wakeup", "")


async def test_leaving_closes_the_connection(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url) as bridge:
        async with bridge.listen(CHANNELS) as notes:
            assert len(sessions(shared_database_url)) == 1
        await until(lambda: not sessions(shared_database_url))
        with pytest.raises(trio.EndOfChannel):
            await notes.receive()


async def test_an_ended_session_is_told_and_replaced_at_once(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url) as bridge, bridge.listen(CHANNELS) as notes:
        for round_ in range(3):
            assert end_sessions(shared_database_url) == 1
            with trio.fail_after(2):
                assert await notes.receive() == LOST
                assert await notes.receive() == BACK
            notify(shared_database_url, "headrace.wakeup", str(round_))
            assert await receive(notes) == ("headrace.wakeup", str(round_))


async def test_a_silent_peer_is_found_by_a_ping(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with (
        open_proxy(shared_database_url) as proxy,
        open_this_bridge(proxy.url) as bridge,
        bridge.listen(CHANNELS, ping_seconds=0.3) as notes,
    ):
        proxy.strand()
        assert await receive(notes) == LOST
        assert await receive(notes) == BACK
        notify(shared_database_url, "headrace.wakeup", "after")
        assert await receive(notes) == ("headrace.wakeup", "after")


async def test_an_answered_ping_is_not_told(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    pinged = "query = 'SELECT 1'"
    async with (
        open_this_bridge(shared_database_url) as bridge,
        bridge.listen(CHANNELS, ping_seconds=0.5) as notes,
    ):
        await until(lambda: sessions(shared_database_url, pinged))
        notify(shared_database_url, "headrace.wakeup", "after")
        assert await receive(notes) == ("headrace.wakeup", "after")


async def test_an_absent_database_is_told_on_entry_and_awaited(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_proxy(shared_database_url) as proxy:
        await proxy.close()
        async with open_this_bridge(proxy.url) as bridge, bridge.listen(CHANNELS) as notes:
            assert notes.receive_nowait() == LOST
            await proxy.open()
            assert await receive(notes) == BACK
            notify(shared_database_url, "headrace.wakeup", "after")
            assert await receive(notes) == ("headrace.wakeup", "after")


async def test_the_listening_outlives_several_losses(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with (
        open_proxy(shared_database_url) as proxy,
        open_this_bridge(proxy.url) as bridge,
        bridge.listen(CHANNELS) as notes,
    ):
        for _ in range(2):
            await proxy.close()
            assert await receive(notes) == LOST
            await proxy.open()
            assert await receive(notes) == BACK


async def test_leaving_while_the_database_is_away_is_quick(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_proxy(shared_database_url) as proxy, open_this_bridge(proxy.url) as bridge:
        with trio.fail_after(PATIENCE):
            async with bridge.listen(CHANNELS) as notes:
                await proxy.close()
                assert await receive(notes) == LOST


async def test_cancelling_the_entry_is_quick(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def enter(proxy: Proxy) -> None:
        async with open_this_bridge(proxy.url) as bridge, bridge.listen(CHANNELS):
            raise AssertionError("entered through a silent network")

    async with open_proxy(shared_database_url) as proxy:
        proxy.freeze()
        with trio.fail_after(PATIENCE), trio.move_on_after(0.05) as scope:
            await enter(proxy)
        assert scope.cancelled_caught


async def test_a_refusal_on_entry_is_a_database_error(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    name = shared_database_url.partition("/headrace_test_")[2].partition("?")[0]
    async with open_this_bridge(shared_database_url.replace(name, "is_not_here")) as bridge:
        with pytest.raises(DatabaseError):
            await bridge.listen(CHANNELS).__aenter__()


async def test_a_pooler_cannot_listen(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url, pooler=True) as bridge:
        with pytest.raises(ConfigError):
            await bridge.listen(CHANNELS).__aenter__()


async def test_a_burst_is_received_whole_or_its_loss_is_told(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def burst(connection: Connection) -> None:
        await connection.execute(
            "SELECT pg_notify('headrace.wakeup', n::text) FROM generate_series(1, 3000) n"
        )

    async def last(connection: Connection) -> None:
        await connection.execute("SELECT pg_notify('headrace.wakeup', 'last')")

    async with open_this_bridge(shared_database_url) as bridge, bridge.listen(CHANNELS) as notes:
        await bridge.run(burst)
        await until(lambda: notes.statistics().current_buffer_used >= 1024 + 2)
        seen = [notes.receive_nowait() for _ in range(notes.statistics().current_buffer_used)]
        assert seen[:2] == [("headrace.wakeup", "1"), ("headrace.wakeup", "2")]
        assert BACK in seen[1024:]
        # Some of the burst may come yet and fill it again, so one more note may be lost, too.
        for _ in range(100):
            await bridge.run(last)
            with trio.move_on_after(0.1):
                while await notes.receive() != ("headrace.wakeup", "last"):
                    pass
                return
        raise AssertionError("no note came after the burst")


async def persists(bridge: Bridge) -> None:
    """Notify as soon as the database is there, as a caller that tries again would."""

    async def wake(connection: Connection) -> None:
        await connection.execute("SELECT pg_notify('headrace.wakeup', 'again')")

    while True:
        try:
            return await bridge.run(wake)
        except StoreUnavailable:
            await trio.sleep(0.02)


async def test_a_killed_server_is_found_again(
    open_this_bridge: OpenBridge, restartable_server: RestartableServer
) -> None:
    url = restartable_server.create_database()
    async with open_this_bridge(url, min_size=2) as bridge, bridge.listen(CHANNELS) as notes:
        restartable_server.kill_postmaster()
        assert await receive(notes) == LOST
        await trio.to_thread.run_sync(restartable_server.start)
        assert await receive(notes) == BACK
        with trio.fail_after(PATIENCE):
            await persists(bridge)
        assert await receive(notes) == ("headrace.wakeup", "again")
