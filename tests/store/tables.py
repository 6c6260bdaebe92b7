"""A database with our tables, for tests: migrated once a session, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import trio
from psycopg import sql

from actors.store.bridge import open_bridge
from actors.store.migrate import Migrator
from tests.support.postgres import DatabaseServer

NAMESPACE = "headrace"

# All times that are stored, for pass_time: (table, columns).
_TIMES = {
    "job": (
        "created_at",
        "scheduled_at",
        "attempted_at",
        "finalized_at",
        "cancel_requested_at",
        "expires_at",
    ),
    "node": ("started_at", "heartbeat_at", "expires_at", "ended_at"),
    "leader": ("elected_at", "expires_at"),
    "queue": ("paused_at", "limited_at", "free_at", "marked_at"),
    "key_rate": ("free_at",),
    "waiter": ("expires_at",),
    "schedule": ("created_at", "updated_at", "last_at", "next_at"),
    "step": ("began_at", "recorded_at", "until"),
    "signal": ("sent_at", "taken_at"),
    "happening": ("emitted_at",),
}


class Tables:
    """A test's own connection to a namespace, beside the Store's."""

    def __init__(self, url: str, namespace: str = NAMESPACE) -> None:
        self.url = url
        self.namespace = namespace
        self.connection = psycopg.connect(
            url, autocommit=True, options=f"-c search_path={namespace}"
        )

    def migrate(self) -> None:
        """Apply all migrations."""
        trio.run(self._migrate)

    async def _migrate(self) -> None:
        async with open_bridge(self.url, max_size=2) as bridge:
            await Migrator(bridge, self.namespace).up()

    def empty(self) -> None:
        """Delete all rows."""
        self.connection.execute(
            "TRUNCATE job, failure, node, queue, key_rate, sequence_due, schedule, waiter, note,"
            " log, follower, subscriber, step, signal, published, happening,"
            " dependency"
        )
        self.connection.execute(
            "UPDATE leader SET term = 0, node_id = NULL, expires_at = '-infinity'"
        )

    def pass_time(self, seconds: float) -> None:
        """Make all that was written so much older."""
        for table, columns in _TIMES.items():
            changes = sql.SQL(", ").join(
                sql.SQL("{0} = {0} - make_interval(secs => {1})").format(
                    sql.Identifier(column), seconds
                )
                for column in columns
            )
            self.connection.execute(
                sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), changes)
            )

    def rival(self) -> psycopg.Connection:
        """Another connection, in a transaction from its first statement on."""
        return psycopg.connect(self.url, options=f"-c search_path={self.namespace}")

    def blocked(self) -> int:
        """How many sessions of this database wait for a lock."""
        row = self.connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        """Close the test's connection."""
        self.connection.close()


@pytest.fixture(scope="session")
def migrated_url(postgres_server: DatabaseServer) -> Iterator[str]:
    """A database with our tables, shared by the tests of a session."""
    url = postgres_server.create_database()
    tables = Tables(url)
    tables.migrate()
    tables.close()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def tables(migrated_url: str) -> Iterator[Tables]:
    """The same, empty."""
    tables = Tables(migrated_url)
    tables.empty()
    yield tables
    tables.close()
