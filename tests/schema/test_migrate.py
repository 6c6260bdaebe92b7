"""The migrator, alone: up, down, status, dry run, and histories that are not ours to go on from."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.store.bridge import Bridge, Connection, open_bridge
from actors.store.migrate import Migrator, Progress
from runtime.errors import ConfigError, MigrationError, SchemaNotMigrated, SchemaTooNew
from tests.schema.conftest import INDEX, Directory
from tests.support.sessions import query, sessions

EVERYTHING = (
    "SELECT nspname, relname, relkind::text, coalesce(indisvalid, true) FROM pg_class"
    " JOIN pg_namespace AS namespace ON namespace.oid = relnamespace"
    " LEFT JOIN pg_index ON indexrelid = pg_class.oid"
    " WHERE nspname !~ '^(pg_|information_schema)' ORDER BY 1, 2"
)


async def test_up_makes_the_namespace_and_applies_everything_once(
    migrator: Migrator, database_url: str
) -> None:
    done = await migrator.up()
    assert [(a.version, a.name, a.how) for a in done] == [
        (1, "table", "applied"),
        (2, "word", "applied"),
        (3, "column", "applied"),
    ]
    assert query(database_url, "SELECT id, word, more FROM mill.t") == [(1, "one", None)]
    assert ("mill", "t_word", "i", True) in query(database_url, EVERYTHING)
    assert await migrator.up() == []
    await migrator.require_current()


async def test_up_and_down_stop_at_their_target(migrator: Migrator, database_url: str) -> None:
    assert [a.version for a in await migrator.up(2)] == [1, 2]
    assert (await migrator.status()).current == 2
    with pytest.raises(ConfigError):
        await migrator.up(1)
    with pytest.raises(ConfigError):
        await migrator.up(4)
    await migrator.up()
    assert [(a.version, a.how) for a in await migrator.down(1)] == [
        (3, "reverted"),
        (2, "reverted"),
    ]
    assert not any(row[1] == "t_word" for row in query(database_url, EVERYTHING))
    with pytest.raises(ConfigError):
        await migrator.down(2)
    await migrator.down(0)
    assert [row[1] for row in query(database_url, EVERYTHING)] == ["migration", "migration_pkey"]
    assert len(await migrator.up()) == 3


async def test_status_tells_history_and_what_is_pending(
    migrator: Migrator, directory: Directory
) -> None:
    before = await migrator.status()
    assert (before.current, before.latest, before.applied) == (0, 3, ())
    assert before.pending == ("001_table", "002_word", "003_column")
    await migrator.up(1)
    after = await migrator.status()
    assert (after.current, [row.name for row in after.applied]) == (1, ["table"])
    assert after.pending == ("002_word", "003_column")
    assert (after.unknown, after.changed, after.invalid_indexes) == ((), (), ())


async def test_an_unmigrated_namespace_is_refused_in_one_line(migrator: Migrator) -> None:
    with pytest.raises(SchemaNotMigrated) as none:
        await migrator.require_current()
    await migrator.up(2)
    with pytest.raises(SchemaNotMigrated) as old:
        await migrator.require_current()
    assert str(none.value) == (
        'namespace "mill" has no tables yet; this program needs version 3:'
        " run `python -m runtime migrate up`, or serve with --migrate"
    )
    assert "is at version 2" in str(old.value)


async def test_a_newer_database_is_refused_and_left_alone(
    migrator: Migrator, bridge: Bridge, directory: Directory, database_url: str
) -> None:
    await migrator.up()
    directory.remove("003_column.sql", "003_column.down.sql")
    older = Migrator(bridge, "mill", directory.path)
    for attempt in (older.require_current, older.up, lambda: older.down(0)):
        with pytest.raises(SchemaTooNew) as caught:
            await attempt()
        assert str(caught.value) == (
            'namespace "mill" is at version 3; this program knows versions up to 2:'
            " upgrade this program"
        )
    assert (await older.status()).unknown == (3,)


async def test_a_file_changed_after_it_was_applied_is_named(
    migrator: Migrator, bridge: Bridge, directory: Directory
) -> None:
    await migrator.up()
    directory.write({"002_word.sql": INDEX.replace("id > 0", "id > 1")})
    changed = Migrator(bridge, "mill", directory.path)
    with pytest.raises(MigrationError, match=r"002_word\.sql was changed"):
        await changed.up()
    assert (await changed.status()).changed == ("002_word",)
    await changed.require_current()  # its tables are of the right version


async def test_a_mended_comment_is_no_change(
    migrator: Migrator, bridge: Bridge, directory: Directory
) -> None:
    await migrator.up()
    directory.write({"002_word.sql": INDEX.replace("CREATE", "-- a better comment\nCREATE")})
    assert await Migrator(bridge, "mill", directory.path).up() == []


async def test_a_history_with_a_gap_is_refused(migrator: Migrator, database_url: str) -> None:
    await migrator.up()
    query(database_url, "DELETE FROM mill.migration WHERE version = 2")
    with pytest.raises(MigrationError, match="is missing"):
        await migrator.up()


async def test_a_dry_run_tells_the_sql_and_writes_nothing(
    migrator: Migrator, database_url: str
) -> None:
    planned = await migrator.up(dry_run=True)
    assert [(a.version, a.how) for a in planned] == [(n, "planned") for n in range(4)]
    assert 'CREATE SCHEMA IF NOT EXISTS "mill"' in planned[0].sql
    assert planned[2].sql == INDEX
    assert query(database_url, EVERYTHING) == []
    await migrator.up()
    before = query(database_url, EVERYTHING)
    assert [a.version for a in await migrator.down(1, dry_run=True)] == [3, 2]
    assert await migrator.up(dry_run=True) == []
    assert query(database_url, EVERYTHING) == before


async def test_a_failing_migration_leaves_nothing_and_names_itself(
    migrator: Migrator, bridge: Bridge, directory: Directory, database_url: str
) -> None:
    directory.write({"003_column.sql": "CREATE TABLE half (n int);\nSELECT 1 / 0;\n"})
    broken = Migrator(bridge, "mill", directory.path)
    with pytest.raises(MigrationError, match=r"003_column.*22012.*nothing of it was kept"):
        await broken.up()
    assert (await broken.status()).current == 2
    assert not any(row[1] == "half" for row in query(database_url, EVERYTHING))
    assert [a.version for a in await migrator.up()] == [3]


async def test_a_migration_without_a_way_back_stops_down_before_it_begins(
    migrator: Migrator, bridge: Bridge, directory: Directory
) -> None:
    await migrator.up()
    directory.remove("002_word.down.sql")
    with pytest.raises(MigrationError, match="002_word cannot be undone"):
        await Migrator(bridge, "mill", directory.path).down(0)
    assert (await migrator.status()).current == 3


async def test_namespaces_do_not_touch_one_another(
    migrator: Migrator, bridge: Bridge, directory: Directory, database_url: str
) -> None:
    other = Migrator(bridge, "weir", directory.path)
    await migrator.up()
    assert (await other.status()).current == 0
    await other.up()
    await migrator.down(0)
    await other.require_current()
    assert query(database_url, "SELECT word FROM weir.t") == [("one",)]


@pytest.mark.parametrize("namespace", ["Mill", "1mill", 'm"ill', "m" * 41, "", "mill; DROP"])
async def test_a_name_that_needs_quoting_is_no_namespace(
    bridge: Bridge, directory: Directory, namespace: str
) -> None:
    with pytest.raises(ConfigError):
        Migrator(bridge, namespace, directory.path)


async def test_behind_a_pooler_only_looking_is_possible(
    database_url: str, directory: Directory, migrator: Migrator
) -> None:
    await migrator.up()
    async with open_bridge(database_url, pooler=True) as pooled:
        behind = Migrator(pooled, "mill", directory.path)
        await behind.require_current()
        with pytest.raises(ConfigError, match="pooler"):
            await behind.up()


async def test_the_connection_is_given_back_as_it_was(
    migrator: Migrator, bridge: Bridge, directory: Directory, database_url: str
) -> None:
    async def settings(connection: Connection) -> list[str]:
        names = ("search_path", "enable_seqscan", "lock_timeout")
        return [await connection.fetchval("SELECT current_setting($1)", name) for name in names]

    before = await bridge.run(settings)
    await migrator.up(2)
    directory.write({"003_column.sql": "SELECT 1 / 0;\n"})
    with pytest.raises(MigrationError):
        await Migrator(bridge, "mill", directory.path).up()
    assert await bridge.run(settings) == before
    assert len(sessions(database_url)) == 1
    assert query(database_url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [
        (0,)
    ]


async def test_who_watches_is_told_begin_and_end_of_each(migrator: Migrator) -> None:
    seen: list[Progress] = []
    await migrator.up(observe=seen.append)
    assert [(p.what, p.label) for p in seen] == [
        (what, label)
        for label in ("001_table", "002_word", "003_column")
        for what in ("begin", "end")
    ]


async def test_our_own_migrations_go_up_down_and_up_again(
    bridge: Bridge, database_url: str
) -> None:
    ours = Migrator(bridge, "headrace")
    up = await ours.up()
    await ours.require_current()
    made = query(database_url, EVERYTHING)
    assert all(row[3] for row in made)
    assert len(await ours.down(0)) == len(up)
    assert [row[1] for row in query(database_url, EVERYTHING)] == ["migration", "migration_pkey"]
    await ours.up()
    assert query(database_url, EVERYTHING) == made


async def test_migrations_that_cannot_be_read_are_refused_at_once(
    bridge: Bridge, tmp_path: Path
) -> None:
    with pytest.raises(MigrationError):
        Migrator(bridge, "mill", tmp_path / "none")
