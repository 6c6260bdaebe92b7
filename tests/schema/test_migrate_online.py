"""The migrator among others: writers, lock holders, other migrators, and ends in the middle."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from functools import partial

import psycopg
import pytest
import trio

from actors.store.bridge import Bridge, Connection, open_bridge
from actors.store.migrate import Applied, Migrator, Progress
from runtime.errors import MigrationError, StoreUnavailable
from tests.schema.conftest import Directory
from tests.support.proxy import open_proxy
from tests.support.sessions import end_sessions, query, sessions, until

VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('mill.t_word')"
BUILDING = "SELECT pid FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%%'"
LOCKED = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"


@contextlib.contextmanager
def open_transaction(url: str, statement: str) -> Iterator[psycopg.Connection]:
    """A transaction that has run a statement and goes on, for the block or until it is ended."""
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


def writing(url: str) -> contextlib.AbstractContextManager[psycopg.Connection]:
    """An open transaction that a concurrent build of an index on t must wait for."""
    return open_transaction(url, "INSERT INTO mill.t VALUES (-1, 'open')")


@contextlib.asynccontextmanager
async def blocked_build(
    migrator: Migrator, url: str
) -> AsyncIterator[tuple[psycopg.Connection, trio.Nursery]]:
    """`up` has come to the build of t_word, and waits there for an open transaction."""
    await migrator.up(1)
    with writing(url) as blocker:
        async with trio.open_nursery() as nursery:
            yield blocker, nursery


async def fails(migrator: Migrator, error: type[Exception]) -> None:
    with pytest.raises(error):
        await migrator.up()


async def test_a_cancelled_build_is_rebuilt(migrator: Migrator, database_url: str) -> None:
    async with blocked_build(migrator, database_url) as (_, nursery):
        nursery.start_soon(fails, migrator, MigrationError)
        await until(lambda: query(database_url, BUILDING))
        query(database_url, f"SELECT pg_cancel_backend(pid) FROM ({BUILDING}) AS build")
    assert query(database_url, VALID) == [(False,)]
    assert (await migrator.status()).invalid_indexes == ("t_word",)
    planned = await migrator.up(2, dry_run=True)
    assert planned[0].sql.startswith('DROP INDEX CONCURRENTLY IF EXISTS "t_word";')
    assert [(a.version, a.how) for a in await migrator.up()] == [(2, "rebuilt"), (3, "applied")]
    assert query(database_url, VALID) == [(True,)]
    assert (await migrator.status()).invalid_indexes == ()


async def test_an_ended_session_in_a_build_is_store_unavailable_and_rebuilt(
    migrator: Migrator, database_url: str
) -> None:
    async with blocked_build(migrator, database_url) as (_, nursery):
        nursery.start_soon(fails, migrator, StoreUnavailable)
        await until(lambda: query(database_url, BUILDING))
        end_sessions(database_url)
    assert query(database_url, VALID) == [(False,)]
    assert [a.how for a in await migrator.up(2)] == ["rebuilt"]
    assert query(database_url, VALID) == [(True,)]


async def test_a_migrator_that_is_cancelled_frees_its_lock(
    migrator: Migrator, database_url: str
) -> None:
    async with blocked_build(migrator, database_url) as (_, nursery):
        nursery.start_soon(migrator.up)
        await until(lambda: query(database_url, BUILDING))
        assert query(database_url, LOCKED)
        nursery.cancel_scope.cancel()
    assert not query(database_url, LOCKED)
    assert [a.how for a in await migrator.up(2)] == ["rebuilt"]


async def test_a_build_that_outlives_its_migrator_is_waited_for_and_recorded(
    migrator: Migrator, directory: Directory, database_url: str
) -> None:
    """The network broke; the server builds on, with the lock, and nobody to tell."""
    seen: list[Progress] = []
    done: list[Applied] = []

    async def again() -> None:
        done.extend(await migrator.up(2, observe=seen.append))

    async with open_proxy(database_url) as proxy, open_bridge(proxy.url) as broken:
        first = Migrator(broken, "mill", directory.path)
        async with blocked_build(migrator, database_url) as (blocker, nursery):
            nursery.start_soon(fails, first, StoreUnavailable)
            await until(lambda: query(database_url, BUILDING))
            await proxy.close()
            nursery.start_soon(again)
            await until(lambda: any(p.what == "waiting for migrator" for p in seen))
            blocker.rollback()
    assert [(a.version, a.how) for a in done] == [(2, "recorded")]
    assert query(database_url, VALID) == [(True,)]


async def test_a_build_done_and_not_recorded_is_recorded(
    migrator: Migrator, database_url: str
) -> None:
    await migrator.up(1)
    query(database_url, "CREATE INDEX t_word ON mill.t (word) WHERE id > 0")
    assert [(a.version, a.how) for a in await migrator.up(2)] == [(2, "recorded")]
    query(database_url, "DROP INDEX mill.t_word")
    assert [(a.version, a.how) for a in await migrator.down(1)] == [(2, "recorded")]
    assert (await migrator.status()).current == 1


async def test_an_index_that_became_invalid_later_is_rebuilt(
    migrator: Migrator, database_url: str
) -> None:
    await migrator.up()
    query(
        database_url,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('mill.t_word')",
    )
    await migrator.require_current()
    assert [(a.version, a.how) for a in await migrator.up()] == [(2, "rebuilt")]
    assert query(database_url, VALID) == [(True,)]
    assert await migrator.up() == []


async def test_a_transactional_migration_cut_off_leaves_nothing(
    migrator: Migrator, bridge: Bridge, directory: Directory, database_url: str
) -> None:
    await migrator.up(2)
    directory.write({"003_column.sql": "CREATE TABLE half (n int);\nSELECT pg_sleep(600);\n"})
    slow = Migrator(bridge, "mill", directory.path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fails, slow, StoreUnavailable)
        await until(lambda: sessions(database_url, "wait_event = 'PgSleep'"))
        end_sessions(database_url)
    assert query(database_url, "SELECT to_regclass('mill.half')") == [(None,)]
    assert [a.version for a in await migrator.up()] == [3]


async def test_migrators_at_once_apply_each_migration_once(
    directory: Directory, database_url: str
) -> None:
    done: list[Applied] = []

    async def up() -> None:
        async with open_bridge(database_url) as bridge:
            done.extend(await Migrator(bridge, "mill", directory.path).up())

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(up)
    assert sorted((a.version, a.how) for a in done) == [(n, "applied") for n in (1, 2, 3)]
    assert query(database_url, VALID) == [(True,)]


async def test_a_second_migrator_waits_for_a_build_and_finds_nothing_left_of_it(
    migrator: Migrator, directory: Directory, database_url: str
) -> None:
    """If the second waited inside a statement, the build would wait for it, for ever."""
    seen: list[Progress] = []
    first: list[Applied] = []
    second: list[Applied] = []

    async def up(migrator: Migrator, done: list[Applied]) -> None:
        done.extend(await migrator.up(2, observe=seen.append))

    async with open_bridge(database_url) as bridge:
        other = Migrator(bridge, "mill", directory.path)
        async with blocked_build(migrator, database_url) as (blocker, nursery):
            nursery.start_soon(up, migrator, first)
            await until(lambda: query(database_url, BUILDING))
            nursery.start_soon(up, other, second)
            await until(lambda: any(p.what == "waiting for migrator" for p in seen))
            blocker.rollback()
    assert [(a.version, a.how) for a in first] == [(2, "applied")]
    assert second == []


async def test_waiting_for_another_migrator_is_bounded(
    bridge: Bridge, directory: Directory, migrator: Migrator, database_url: str
) -> None:
    hasty = Migrator(bridge, "mill", directory.path, migrator_seconds=0.2)
    async with blocked_build(migrator, database_url) as (blocker, nursery):
        nursery.start_soon(migrator.up)
        await until(lambda: query(database_url, BUILDING))
        with pytest.raises(MigrationError, match="another migrator"):
            await hasty.up()
        blocker.rollback()


async def test_writers_go_on_during_a_build(
    migrator: Migrator, bridge: Bridge, database_url: str
) -> None:
    written = 1  # by the first migration

    async def insert(connection: Connection, number: int) -> None:
        await connection.execute("INSERT INTO mill.t VALUES ($1, 'w')", number)

    async def write() -> None:
        nonlocal written
        while True:
            with trio.CancelScope(shield=True):
                await bridge.run(partial(insert, number=written + 1), timeout_seconds=5)
            written += 1
            await trio.lowlevel.checkpoint()

    async with blocked_build(migrator, database_url) as (blocker, nursery):
        nursery.start_soon(write)
        done = trio.Event()

        async def build() -> None:
            await migrator.up(2)
            done.set()

        nursery.start_soon(build)
        await until(lambda: query(database_url, BUILDING))
        before = written
        await until(lambda: written >= before + 100)
        assert not done.is_set()
        blocker.rollback()
        await done.wait()
        nursery.cancel_scope.cancel()
    assert query(database_url, VALID) == [(True,)]
    with open_transaction(database_url, "SET enable_seqscan = off") as connection:
        count = connection.execute("SELECT count(word) FROM mill.t WHERE id > 0 AND word = 'w'")
        assert count.fetchone() == (written - 1,)  # as the index has it


async def test_a_lock_that_others_hold_is_tried_for_again_without_holding_them_up(
    bridge: Bridge, directory: Directory, migrator: Migrator, database_url: str
) -> None:
    await migrator.up(2)
    patient = Migrator(bridge, "mill", directory.path, lock_timeout_seconds=0.02)
    seen: list[Progress] = []
    with open_transaction(database_url, "SELECT * FROM mill.t") as reader:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(patient.up, observe=seen.append))
            await until(lambda: sum(p.what == "waiting for lock" for p in seen) >= 2)
            # Would wait behind the ALTER TABLE, did that not give up.
            assert query(database_url, "SELECT count(*) FROM mill.t") == [(1,)]
            reader.rollback()
    await migrator.require_current()


async def test_trying_for_a_lock_is_bounded(
    bridge: Bridge, directory: Directory, migrator: Migrator, database_url: str
) -> None:
    await migrator.up(2)
    hasty = Migrator(bridge, "mill", directory.path, lock_timeout_seconds=0.02, lock_seconds=0.05)
    with (
        open_transaction(database_url, "SELECT * FROM mill.t"),
        pytest.raises(MigrationError, match=r"003_column.*55P03.*nothing of it was kept"),
    ):
        await hasty.up()
    assert (await migrator.status()).current == 2


async def test_a_build_tells_how_far_it_is_and_whom_it_waits_for(
    migrator: Migrator, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.store.migrate.watch.WATCH_SECONDS", 0.01)
    seen: list[Progress] = []
    async with blocked_build(migrator, database_url) as (blocker, nursery):
        nursery.start_soon(partial(migrator.up, observe=seen.append))
        pid = blocker.info.backend_pid
        await until(lambda: any(f"pid {pid}" in p.detail for p in seen))
        blocker.rollback()
    assert {p.label for p in seen if p.what == "building"} == {"002_word"}
