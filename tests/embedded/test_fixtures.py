"""The fixtures of tests/support/postgres.py, on which all other tests stand."""

import psycopg
import pytest

from tests.support.postgres import DatabaseServer, RestartableServer


def _fetch(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_test_gets_an_empty_database(database_url: str) -> None:
    count = "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
    assert _fetch(database_url, count) == 0


def test_a_database_is_dropped_while_somebody_is_connected(postgres_server: DatabaseServer) -> None:
    url = postgres_server.create_database()
    with psycopg.connect(url) as connection:
        postgres_server.drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")


@pytest.mark.parametrize("how", ["stop_immediate", "stop_fast", "kill_postmaster"])
def test_a_stopped_server_comes_back_with_what_was_committed(
    restartable_server: RestartableServer, how: str
) -> None:
    url = restartable_server.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 42 as answer")
    getattr(restartable_server, how)()
    restartable_server.start()
    assert _fetch(url, "select answer from kept") == 42


@pytest.mark.parametrize("how", ["stop_immediate", "stop_fast"])
def test_a_stopped_server_stays_down_until_it_is_started(
    restartable_server: RestartableServer, how: str
) -> None:
    getattr(restartable_server, how)()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(restartable_server.url)
