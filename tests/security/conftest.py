"""Databases, the command line and a node's parts, for the tests of what is kept from whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.conftest import bench
from tests.cli.conftest import cli
from tests.support.clock import use_virtual_clock
from tests.support.migrated import migrate
from tests.support.postgres import DatabaseServer

__all__ = ["bench", "cli", "migrated_url"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that take a bench run on the virtual clock."""
    use_virtual_clock(items, "bench", Path(__file__).parent)


@pytest.fixture(scope="module")
def migrated_url(postgres_server: DatabaseServer) -> Iterator[str]:
    """A migrated database for all tests of a module."""
    url = postgres_server.create_database()
    migrate(url)
    yield url
    postgres_server.drop_database(url)
