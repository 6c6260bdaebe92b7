"""What only PostgreSQL can show."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from actors.store.bridge import Bridge, open_bridge
from actors.store.postgres import PostgresStore, session_of
from tests.store.harness import Bench, PostgresHands
from tests.store.tables import NAMESPACE, Tables, migrated_url, tables

__all__ = ["bench", "bridge", "migrated_url", "tables"]


@pytest.fixture
async def bridge(tables: Tables) -> AsyncIterator[Bridge]:
    """A bridge as a PostgresStore wants it."""
    async with open_bridge(tables.url, session=session_of(NAMESPACE)) as bridge:
        yield bridge


@pytest.fixture
def bench(bridge: Bridge, tables: Tables) -> Bench:
    """A Store on empty tables."""
    return Bench(PostgresStore(bridge, namespace=NAMESPACE), PostgresHands(tables), [])
