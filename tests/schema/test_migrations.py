"""Our own migrations: what they do to a table that is large and in use."""

from __future__ import annotations

import psycopg
import trio

from actors.node import open_database
from actors.store.migrate import Migrator
from runtime.config import Config

FILE = "SELECT pg_relation_filenode('headrace.job')"


def up(url: str, version: int | None = None) -> None:
    async def migrate() -> None:
        async with open_database(Config(database_url=url)) as bridge:
            await Migrator(bridge, "headrace").up(version)

    trio.run(migrate)


def test_no_migration_rewrites_the_jobs(database_url: str) -> None:
    up(database_url, 8)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT headrace.enqueue('k')")
        before = connection.execute(FILE).fetchone()
        up(database_url)
        assert connection.execute(FILE).fetchone() == before


def test_roles_that_served_before_can_serve_on(database_url: str) -> None:
    up(database_url, 8)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE old_worker")
        try:
            connection.execute("SELECT headrace.grant_worker('old_worker')")
            up(database_url)
            connection.execute("SET ROLE old_worker")
            for table in ("note", "subscriber", "job_count", "key_rate", "sequence_due"):
                connection.execute(f"DELETE FROM headrace.{table}".encode())
            connection.execute("RESET ROLE")
        finally:
            connection.execute("DROP OWNED BY old_worker")
            connection.execute("DROP ROLE old_worker")
