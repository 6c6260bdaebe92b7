"""One database for all tests of a module, emptied before each: making a fresh one takes longer than
most tests that ask for one."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.postgres import DatabaseServer
from tests.support.sessions import WAIT, query, sessions

_SCHEMAS = (
    "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'"
)


def emptied(url: str) -> str:
    """The database at `url`, once Headrace's sessions have left it and its schemas are gone."""
    end = time.monotonic() + WAIT
    while sessions(url):
        assert time.monotonic() < end, "sessions of an earlier test have not ended"
        time.sleep(0.005)
    for (schema,) in query(url, _SCHEMAS):
        query(url, f"DROP SCHEMA {schema} CASCADE")
    query(url, "CREATE SCHEMA public")
    return url


@pytest.fixture(scope="module")
def module_database_url(postgres_server: DatabaseServer) -> Iterator[str]:
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def shared_database_url(module_database_url: str) -> str:
    """An empty database that the module's tests share, one after the other."""
    return emptied(module_database_url)
