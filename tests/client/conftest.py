"""Databases with our tables, for the tests of the clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.migrated import migrate
from tests.support.postgres import DatabaseServer, database_name


@pytest.fixture(scope="session")
def template_url(postgres_server: DatabaseServer) -> Iterator[str]:
    url = postgres_server.create_database()
    migrate(url)
    migrate(url, "other")
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def url(postgres_server: DatabaseServer, template_url: str) -> Iterator[str]:
    """The address of a database with the namespaces `headrace` and `other`, migrated."""
    copy = postgres_server.create_database(template=database_name(template_url))
    yield copy
    postgres_server.drop_database(copy)


def host_and_name(url: str) -> tuple[Path, str]:
    """The socket's directory and the database's name, for libraries that do not take URLs."""
    parts = urlsplit(url)
    return Path(parts.query.partition("host=")[2]), database_name(url)
