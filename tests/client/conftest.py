"""Databases with our tables, for the tests of the clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.migrated import migrate
from tests.support.postgres import DatabaseServer, database_name
from tests.support.sessions import query

NAMESPACES = ("headrace", "other")
_END_SESSIONS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture(scope="session")
def client_database_url(postgres_server: DatabaseServer) -> Iterator[str]:
    url = postgres_server.create_database()
    for namespace in NAMESPACES:
        migrate(url, namespace)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def url(client_database_url: str) -> str:
    """The address of a database with the namespaces `headrace` and `other`, without any job."""
    query(client_database_url, _END_SESSIONS)
    for namespace in NAMESPACES:
        for table in ("job", "waiter", "node", "happening"):
            query(client_database_url, f"DELETE FROM {namespace}.{table}")
    return client_database_url


def host_and_name(url: str) -> tuple[Path, str]:
    """The socket's directory and the database's name, for libraries that do not take URLs."""
    parts = urlsplit(url)
    return Path(parts.query.partition("host=")[2]), database_name(url)
