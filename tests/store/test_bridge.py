"""What every bridge promises of a unit of work, on a real database."""

from __future__ import annotations

import math
import subprocess
import sys
import threading

import pytest
import trio

from actors.store.bridge import Connection, DatabaseError, open_bridge
from runtime.errors import ConfigError, StoreUnavailable
from tests.store.conftest import OpenBridge
from tests.support.proxy import open_proxy
from tests.support.sessions import end_sessions, query, sessions, until


async def one(connection: Connection) -> int:
    value: int = await connection.fetchval("SELECT 1")
    return value


async def backend(connection: Connection) -> int:
    pid: int = await connection.fetchval("SELECT pg_backend_pid()")
    return pid


async def sleep_long(connection: Connection) -> None:
    await connection.execute("SELECT pg_sleep(600)")


ASLEEP = "state = 'active' AND query LIKE '%pg_sleep(600)%'"


async def test_a_unit_returns_its_value(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def unit(connection: Connection) -> list[tuple[int, str]]:
        rows = await connection.fetch("SELECT n, n::text AS word FROM generate_series(1, $1) n", 2)
        return [(row["n"], row[1]) for row in rows]

    async with open_this_bridge(shared_database_url) as bridge:
        assert await bridge.run(unit) == [(1, "1"), (2, "2")]


async def test_a_refusal_tells_sqlstate_and_constraint(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def unit(connection: Connection) -> None:
        await connection.execute("CREATE TEMP TABLE t (id int CONSTRAINT t_once PRIMARY KEY)")
        await connection.execute("INSERT INTO t VALUES (1), (1)")

    async with open_this_bridge(shared_database_url) as bridge:
        with pytest.raises(DatabaseError) as caught:
            await bridge.run(unit)
        assert (caught.value.sqlstate, caught.value.constraint) == ("23505", "t_once")
        assert caught.value.detail == "Key (id)=(1) already exists."
        assert await bridge.run(one) == 1


async def test_an_argument_that_the_driver_refuses_is_a_database_error(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def unit(connection: Connection) -> None:
        await connection.fetchval("SELECT $1::int", "no number")

    async with open_this_bridge(shared_database_url) as bridge:
        with pytest.raises(DatabaseError):
            await bridge.run(unit)


async def test_a_unit_s_own_error_passes_unchanged(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    mine = LookupError("mine")

    async def unit(connection: Connection) -> None:
        raise mine

    async with open_this_bridge(shared_database_url) as bridge:
        with pytest.raises(LookupError) as caught:
            await bridge.run(unit)
    assert caught.value is mine
    assert mine.__cause__ is None


async def test_an_error_in_the_block_passes_unchanged(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def fail() -> None:
        async with open_this_bridge(shared_database_url) as bridge:
            assert await bridge.run(one) == 1
            raise LookupError

    with pytest.raises(LookupError):
        await fail()


async def test_connections_have_the_session_s_settings(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def unit(connection: Connection) -> list[str]:
        names = ("search_path", "enable_seqscan", "application_name")
        return [await connection.fetchval("SELECT current_setting($1)", name) for name in names]

    session = {"search_path": "mine, pg_catalog", "enable_seqscan": "off"}
    async with open_this_bridge(shared_database_url, session=session) as bridge:
        assert await bridge.run(unit) == ["mine, pg_catalog", "off", "headrace"]
        with trio.move_on_after(0.05):
            await bridge.run(sleep_long)  # cancelled, hence reset
        assert await bridge.run(unit) == ["mine, pg_catalog", "off", "headrace"]


async def test_connections_are_made_when_needed_and_closed_at_the_end(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url, max_size=3) as bridge:
        assert sessions(shared_database_url) == []
        pid = await bridge.run(backend)
        assert await bridge.run(backend) == pid
        assert sessions(shared_database_url) == [pid]
    await until(lambda: not sessions(shared_database_url))
    assert "headrace-database" not in {thread.name for thread in threading.enumerate()}


async def test_min_size_connections_are_made_on_entry(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url, min_size=2, max_size=3):
        assert len(sessions(shared_database_url)) == 2


async def test_no_more_than_max_size_units_run_at_once(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    running = most = 0

    async def unit(connection: Connection) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await connection.execute("SELECT pg_sleep(0.002)")
        running -= 1

    async with (
        open_this_bridge(shared_database_url, max_size=2) as bridge,
        trio.open_nursery() as nursery,
    ):
        for _ in range(12):
            nursery.start_soon(bridge.run, unit)
    assert most == 2


async def test_waiting_for_a_connection_counts_as_waiting_for_the_database(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with (
        open_this_bridge(shared_database_url, max_size=1) as bridge,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(bridge.run, sleep_long)
        await until(lambda: sessions(shared_database_url, ASLEEP))
        with pytest.raises(StoreUnavailable):
            await bridge.run(one, timeout_seconds=0.05)
        nursery.cancel_scope.cancel()


async def test_no_database_is_store_unavailable_and_trying_again_helps(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_proxy(shared_database_url) as proxy:
        await proxy.close()
        async with open_this_bridge(proxy.url, min_size=1) as bridge:
            with pytest.raises(StoreUnavailable):
                await bridge.run(one)
            await proxy.open()
            assert await bridge.run(one) == 1


async def test_a_database_that_refuses_us_is_a_database_error(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    name = shared_database_url.partition("/headrace_test_")[2].partition("?")[0]
    async with open_this_bridge(shared_database_url.replace(name, "is_not_here")) as bridge:
        with pytest.raises(DatabaseError) as caught:
            await bridge.run(one)
    assert caught.value.sqlstate == "3D000"


async def test_a_unit_that_takes_too_long_is_stopped_on_the_server_too(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url, max_size=1) as bridge:
        pid = await bridge.run(backend)
        with pytest.raises(StoreUnavailable):
            await bridge.run(sleep_long, timeout_seconds=0.05)
        assert await bridge.run(backend) != pid
        await until(lambda: not sessions(shared_database_url, ASLEEP))
        assert await bridge.run(one, timeout_seconds=math.inf) == 1


async def test_a_unit_left_in_a_transaction_is_rolled_back_and_an_error(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    query(shared_database_url, "CREATE TABLE t (n int)")

    async def leave(connection: Connection) -> None:
        await connection.execute("BEGIN")
        await connection.execute("INSERT INTO t VALUES (1)")

    async def fail(connection: Connection) -> None:
        await leave(connection)
        raise LookupError

    async with open_this_bridge(shared_database_url, max_size=1) as bridge:
        with pytest.raises(RuntimeError):
            await bridge.run(leave)
        with pytest.raises(LookupError):
            await bridge.run(fail)
        assert await bridge.run(one) == 1
    assert query(shared_database_url, "SELECT count(*) FROM t") == [(0,)]


async def test_an_ended_session_costs_the_unit_that_used_it(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url, max_size=1) as bridge:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def lose() -> None:
                with pytest.raises(StoreUnavailable):
                    await bridge.run(sleep_long)

            await until(lambda: sessions(shared_database_url, ASLEEP))
            assert end_sessions(shared_database_url) == 1
        assert await bridge.run(one) == 1


async def test_sessions_ended_while_idle_cost_at_most_one_unit_each(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_this_bridge(shared_database_url, min_size=3, max_size=3) as bridge:
        assert end_sessions(shared_database_url) == 3
        lost = 0
        for _ in range(10):
            try:
                assert await bridge.run(one) == 1
            except StoreUnavailable:
                lost += 1
        assert lost <= 3
        assert await bridge.run(one) == 1


async def test_a_silent_server_is_store_unavailable_in_time(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async with open_proxy(shared_database_url) as proxy, open_this_bridge(proxy.url) as bridge:
        assert await bridge.run(one) == 1
        proxy.freeze()
        with trio.fail_after(5), pytest.raises(StoreUnavailable):
            await bridge.run(one, timeout_seconds=0.1)
        proxy.thaw()
        assert await bridge.run(one) == 1


async def test_a_connection_that_rested_long_and_went_silent_is_replaced(
    open_this_bridge: OpenBridge, shared_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.store.bridge.pool.RESTED_SECONDS", 0.0)
    monkeypatch.setattr("actors.store.bridge.pool.PING_SECONDS", 0.1)
    async with open_proxy(shared_database_url) as proxy, open_this_bridge(proxy.url) as bridge:
        pid = await bridge.run(backend)
        assert await bridge.run(backend) == pid
        proxy.strand()
        assert await bridge.run(backend) != pid


async def test_closing_ends_units_that_still_run(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    async def lose() -> None:
        with pytest.raises(StoreUnavailable):
            await bridge.run(sleep_long)

    async with trio.open_nursery() as nursery, open_this_bridge(shared_database_url) as bridge:
        nursery.start_soon(lose)
        await until(lambda: sessions(shared_database_url, ASLEEP))
    await until(lambda: not sessions(shared_database_url))
    with pytest.raises(StoreUnavailable):
        await bridge.run(one)


async def test_a_shielded_unit_runs_in_a_cancelled_scope(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    value = 0
    with trio.CancelScope() as scope:
        async with open_this_bridge(shared_database_url) as bridge:
            scope.cancel()
            with trio.CancelScope(shield=True):
                value = await bridge.run(one)
            await trio.lowlevel.checkpoint()
    assert value == 1
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@here/db",
        "postgresql+asyncpg://me:secret@here/db",
        "postgresql://me:secret@here:port/db",
        "postgresql://me:secret@here:99999/db",
        "postgresql://me:secret@[here/db",
        "secret",
    ],
)
async def test_a_malformed_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        async with open_bridge(url):
            pass
    assert "secret" not in str(caught.value).replace("'secret'", "")


async def test_a_parameter_the_driver_refuses_is_a_config_error(
    open_this_bridge: OpenBridge,
) -> None:
    url = "postgresql://me:secret@127.0.0.1/db?target_session_attrs=perhaps"
    async with open_this_bridge(url) as bridge:
        with pytest.raises(ConfigError) as caught:
            await bridge.run(one)
    assert "secret" not in repr(caught.value)
    assert caught.value.__suppress_context__


async def test_parameters_that_only_libpq_knows_are_left_out(
    open_this_bridge: OpenBridge, shared_database_url: str
) -> None:
    sign = "&" if "?" in shared_database_url else "?"
    url = f"{shared_database_url}{sign}connect_timeout=3&channel_binding=prefer&keepalives=1"
    async with open_this_bridge(url) as bridge:
        assert await bridge.run(one) == 1


async def test_a_bridge_that_cannot_be_imported_is_a_config_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "trio_asyncio", None)
    with pytest.raises(ConfigError):
        async with open_bridge("postgresql://127.0.0.1/db", kind="trio-asyncio"):
            pass


def test_trio_asyncio_is_not_imported_before_it_is_asked_for() -> None:
    code = "import sys, actors.store.bridge; print('trio_asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
