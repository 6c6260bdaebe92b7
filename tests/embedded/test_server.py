"""What a user of `Server` is promised about the database itself."""

import asyncio
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from runtime.embedded import EmbeddedPostgresError, Server
from runtime.embedded.binaries import OLDEST_MAJOR
from tests.support.postgres import attach


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server.attach(ephemeral=True, settings={"work_mem": "5MB"}) as server:
        yield server


def _fetch(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def test_the_url_serves_psycopg_and_asyncpg_whatever_the_environment_says(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> object:
        connection = await asyncpg.connect(server.url)
        try:
            return await connection.fetchval("show server_version")
        finally:
            await connection.close()

    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    version = _fetch(server.url, "show server_version")
    assert asyncio.run(ask()) == version
    assert str(version).split()[0] == server.version


def test_it_listens_on_a_private_unix_socket_only(server: Server) -> None:
    assert _fetch(server.url, "show listen_addresses") == ""
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) < 104


def test_text_is_utf_8_and_sorts_by_code_point(server: Server) -> None:
    assert _fetch(server.url, "show server_encoding") == "UTF8"
    assert _fetch(server.url, "select 'Z' < 'a'") is True


def test_times_are_shown_in_utc(server: Server) -> None:
    assert _fetch(server.url, "show timezone") in {"UTC", "Etc/UTC"}


def test_statement_statistics_are_at_hand(server: Server) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("create extension pg_stat_statements")
        connection.execute("select count(*) from pg_stat_statements")


def test_a_given_setting_holds(server: Server) -> None:
    assert _fetch(server.url, "show work_mem") == "5MB"


def test_only_an_ephemeral_server_does_without_durability(
    server: Server, new_data_dir: Path
) -> None:
    assert _fetch(server.url, "show fsync") == "off"
    with Server.attach(new_data_dir) as durable:
        assert _fetch(durable.url, "show fsync") == "on"
        assert _fetch(durable.url, "show synchronous_commit") == "on"


def test_a_database_gets_the_strangest_name(server: Server) -> None:
    name = "a b%c/d?e'f\"g"
    assert _fetch(server.create_database(name), "select current_database()") == name


def test_a_database_can_be_the_copy_of_another(server: Server) -> None:
    url = server.create_database("original")
    with psycopg.connect(url) as connection:
        connection.execute("create table copied as select 7 as n")
    assert _fetch(server.create_database("copy", template="original"), "table copied") == 7


def test_a_name_that_is_taken_is_an_error_that_says_so(server: Server) -> None:
    server.create_database("taken")
    with pytest.raises(EmbeddedPostgresError, match="already exists"):
        server.create_database("taken")


@pytest.mark.measured
def test_the_next_server_of_a_data_directory_has_the_same_address_and_data(data_dir: Path) -> None:
    with attach(data_dir) as first:
        first.create_database("kept")
    with attach(data_dir) as second:
        assert second.url == first.url
        assert _fetch(second.url, "select count(*) from pg_database where datname = 'kept'") == 1


def test_close_may_be_repeated_and_then_ensure_is_refused(data_dir: Path) -> None:
    server = attach(data_dir)
    server.close()
    server.close()
    assert server.closed
    with pytest.raises(EmbeddedPostgresError, match="was closed"):
        server.ensure()


@pytest.mark.parametrize("name", ['it\'s "here"', "a,b", "ü?&=%/c"])
def test_a_temporary_folder_with_a_strange_name_will_do(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as outer:
        folder = Path(outer, name)
        folder.mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        with Server.attach(ephemeral=True) as server:
            assert _fetch(server.url, "select 1") == 1
            assert _fetch(server.create_database("more"), "select 1") == 1


@pytest.mark.measured
def test_a_bad_setting_is_an_error_with_the_server_s_own_words(data_dir: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="unrecognized configuration parameter") as told:
        Server.attach(data_dir, settings={"no_such_setting": "1"})
    assert str(data_dir) in str(told.value)


@pytest.mark.measured
def test_data_of_another_major_version_is_refused_untouched(data_dir: Path) -> None:
    (data_dir / "pgdata" / "PG_VERSION").write_text(f"{OLDEST_MAJOR - 1}\n")
    with pytest.raises(EmbeddedPostgresError, match=f"made by PostgreSQL {OLDEST_MAJOR - 1}"):
        attach(data_dir)


def test_an_ephemeral_server_can_t_have_a_named_directory(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="makes its own directory"):
        Server.attach(tmp_path, ephemeral=True)
