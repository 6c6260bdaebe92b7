"""The Stores that are held to the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from actors.store.bridge import open_bridge
from actors.store.memory import MemoryStore
from actors.store.postgres import PostgresStore, session_of
from tests.store.harness import Bench, MemoryHands, PostgresHands
from tests.store.tables import NAMESPACE, Tables, migrated_url, tables

__all__ = ["bench", "migrated_url", "tables"]


@pytest.fixture(params=["memory", "postgres"])
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def emptied_tables(store_kind: str, request: pytest.FixtureRequest) -> Tables | None:
    if store_kind == "memory":
        return None
    found: Tables = request.getfixturevalue("tables")
    return found


@pytest.fixture
async def bench(emptied_tables: Tables | None) -> AsyncIterator[Bench]:
    """A Store, empty, with what a test needs around it."""
    warnings: list[tuple[str, int]] = []

    def warn(field: str, size: int) -> None:
        warnings.append((field, size))

    if emptied_tables is None:
        memory = MemoryStore(on_warning=warn)
        yield Bench(memory, MemoryHands(memory), warnings)
        return
    async with open_bridge(emptied_tables.url, session=session_of(NAMESPACE)) as bridge:
        store = PostgresStore(bridge, namespace=NAMESPACE, on_warning=warn)
        yield Bench(store, PostgresHands(emptied_tables), warnings)
