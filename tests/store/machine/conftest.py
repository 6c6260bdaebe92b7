"""The Stores that the machine asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from actors.store.bridge import open_bridge
from actors.store.postgres import PostgresStore
from tests.store.machine import movable_clock
from tests.store.machine.backends import PostgresBackend
from tests.store.tables import NAMESPACE, Tables
from tests.support.postgres import DatabaseServer


@pytest.fixture(scope="module")
def clocked_tables(postgres_server: DatabaseServer) -> Iterator[Tables]:
    """Our tables in a database of their own, whose clock is moved by hand."""
    url = postgres_server.create_database()
    tables = Tables(url)
    tables.migrate()
    movable_clock.install(tables)
    yield tables
    tables.close()
    postgres_server.drop_database(url)


@pytest.fixture
async def postgres(clocked_tables: Tables) -> AsyncIterator[PostgresBackend]:
    """A Store on them, with one connection."""
    session = movable_clock.session()
    async with open_bridge(clocked_tables.url, max_size=1, session=session) as bridge:
        yield PostgresBackend(PostgresStore(bridge, namespace=NAMESPACE), clocked_tables)
