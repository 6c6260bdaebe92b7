"""Migrations of the tests' own, and a bridge and a migrator for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.store.bridge import Bridge, open_bridge
from actors.store.migrate import Migrator
from tests.support.shared_database import module_database_url, shared_database_url

__all__ = ["bridge", "database_url", "migrator", "module_database_url", "shared_database_url"]

TABLE = "CREATE TABLE t (id int CONSTRAINT t_pkey PRIMARY KEY, word text);\n"
INDEX = "-- no-transaction\nCREATE INDEX CONCURRENTLY t_word ON t (word) WHERE id > 0;\n"
FILES = {
    "001_table.sql": f"-- 001_table: the table.\n{TABLE}INSERT INTO t VALUES (1, 'one');\n",
    "001_table.down.sql": "DROP TABLE t;\n",
    "002_word.sql": INDEX,
    "002_word.down.sql": "-- no-transaction\nDROP INDEX CONCURRENTLY t_word;\n",
    "003_column.sql": "ALTER TABLE t ADD COLUMN more int;\n",
    "003_column.down.sql": "ALTER TABLE t DROP COLUMN more;\n",
}


class Directory:
    """A directory of migrations that a test may change."""

    def __init__(self, path: Path, files: dict[str, str]) -> None:
        self.path = path
        path.mkdir()
        self.write(files)

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.path / name).write_text(text)

    def remove(self, *names: str) -> None:
        for name in names:
            (self.path / name).unlink()


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    return shared_database_url


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """Three migrations: a table, a concurrent index, a column."""
    return Directory(tmp_path / "migrations", FILES)


@pytest.fixture
async def bridge(database_url: str) -> AsyncIterator[Bridge]:
    # As the Store's own: planner options that migrations must not mind.
    session = {"search_path": "mill, pg_catalog", "enable_seqscan": "off"}
    async with open_bridge(database_url, session=session, max_size=4) as bridge:
        yield bridge


@pytest.fixture
def migrator(bridge: Bridge, directory: Directory) -> Migrator:
    """A migrator of the namespace ``mill``."""
    return Migrator(bridge, "mill", directory.path)
