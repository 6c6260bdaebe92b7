"""The server's version and settings, and what keeps its tables clean."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from actors.store.bridge import Bridge, Connection, Row
from runtime import sql
from runtime.cli.checks.finding import Finding, advise, ok, problem

OLDEST_VERSION = 140_000  # PostgreSQL 14, as current_setting('server_version_num') has it
# A transaction this old keeps an hour's dead rows in the way of every claim.
LONG_TRANSACTION_SECONDS = 3600.0
# autovacuum begins at 2 % here; a fifth means that it does not get there.
DEAD_SHARE = 0.2
DEAD_ROWS = 10_000
CONNECTION_SHARE = 0.8
# Times come from the database's clock alone; people compare logs, though.
CLOCK_SECONDS = 5.0


async def check_server(bridge: Bridge) -> list[Finding]:
    """The database answers; which one it is, and how it is set."""
    row = await bridge.run(_server)
    return list(_judge_server(row, time.time()))


async def check_cleaning(bridge: Bridge, namespace: str) -> list[Finding]:
    """Nothing keeps vacuum from its work."""
    transactions = await bridge.run(_long_transactions)
    tables = await bridge.run(partial(_tables, namespace))
    return [*_judge_transactions(transactions), *_judge_tables(tables)]


async def _server(connection: Connection) -> Row:
    (row,) = await connection.fetch(sql.load("check_server"))
    return row


async def _long_transactions(connection: Connection) -> list[Row]:
    return await connection.fetch(sql.load("check_transactions"), LONG_TRANSACTION_SECONDS)


async def _tables(namespace: str, connection: Connection) -> list[Row]:
    return await connection.fetch(sql.load("check_tables"), namespace)


def _judge_server(row: Row, now: float) -> Iterator[Finding]:
    text = f"PostgreSQL {row['version']}, database {row['database']}, user {row['user']}"
    if row["version_number"] < OLDEST_VERSION:
        yield problem("server", text, "use PostgreSQL 14 or newer")
    else:
        yield ok("server", text)
    if row["standby"]:
        yield problem("standby", "this server is a read-only standby", "connect to the primary")
    if not row["autovacuum"]:
        advice = "set autovacuum and track_counts to on: claims slow down with each dead row"
        yield problem("autovacuum", "autovacuum is off", advice)
    if not row["fsync"]:
        advice = "set fsync to on, unless this database may be lost"
        yield advise("fsync", "fsync is off: a power failure loses committed jobs", advice)
    if row["connections"] > CONNECTION_SHARE * row["max_connections"]:
        text = f"{row['connections']} of {row['max_connections']} connections are in use"
        yield advise("connections", text, "raise max_connections, or use fewer")
    drift = abs(row["clock"] - now)
    if drift > CLOCK_SECONDS:
        text = f"the database's clock and this machine's differ by {drift:.0f} s"
        yield advise("clock", text, "harmless to jobs; synchronise them to compare logs")


def _judge_transactions(rows: list[Row]) -> Iterator[Finding]:
    if not rows:
        yield ok("transactions", "none is older than an hour")
    for row in rows:
        who = f"pid {row['pid']} ({row['application'] or 'unnamed'}, {row['state']})"
        text = f"a transaction of {who} is {row['age_seconds'] / 3600:.1f} hours old"
        yield advise("transactions", text, "end it: dead rows pile up in front of each claim")


def _judge_tables(rows: list[Row]) -> Iterator[Finding]:
    crowded = [row for row in rows if row["dead"] > max(DEAD_ROWS, DEAD_SHARE * row["live"])]
    if not crowded:
        size = sum(row["bytes"] for row in rows) / 1024**2
        yield ok("tables", f"{size:,.0f} MiB, few dead rows")
    for row in crowded:
        yield advise("tables", _crowd(row), "look for old transactions; speed autovacuum up")


def _crowd(row: Row) -> str:
    at = row["vacuumed_at"]
    vacuumed = f"last vacuumed {at:%Y-%m-%d %H:%M}Z" if at else "never vacuumed"
    return f"{row['name']} has {row['dead']:,} dead rows, {row['live']:,} live; {vacuumed}"
