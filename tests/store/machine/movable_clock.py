"""A database whose clock stands still until it is moved, for statements as they are.

Their names are looked up in a schema that stands before pg_catalog and has a now() and a
clock_timestamp() of its own, which show the hand of a clock in a table. Functions and defaults of
our tables are bound to the same clock. So times can be compared to the microsecond, and a day
passes at once.
"""

from __future__ import annotations

from psycopg import sql

from actors.store.postgres import session_of
from tests.store.machine.rows import EPOCH, date_of
from tests.store.tables import NAMESPACE, Tables

SCHEMA = "movable"

_MAKE = """
CREATE SCHEMA movable;
CREATE TABLE movable.hand (shows timestamptz NOT NULL);
CREATE FUNCTION movable.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT hand.shows FROM movable.hand';
CREATE FUNCTION movable.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT hand.shows FROM movable.hand';
"""

_BIND = """
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format(
            'ALTER TABLE %I.%I ALTER COLUMN %I SET DEFAULT movable.now()',
            table_schema, table_name, column_name
        )
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_default = 'now()'
        UNION ALL
        SELECT format(
            'ALTER FUNCTION %s SET search_path = movable, pg_catalog, %I, pg_temp',
            oid::regprocedure, current_schema()
        )
        FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND proconfig IS NOT NULL
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$
"""


def install(tables: Tables) -> None:
    """Give the database of these tables such a clock, which shows EPOCH."""
    tables.connection.execute(_MAKE)
    tables.connection.execute("INSERT INTO movable.hand VALUES (%s)", [EPOCH])
    tables.connection.execute(_BIND)


def session() -> dict[str, str]:
    """The settings of a Store's connections that go by this clock."""
    path = sql.SQL(", ").join(map(sql.Identifier, (SCHEMA, "pg_catalog", NAMESPACE)))
    return {**session_of(NAMESPACE), "search_path": path.as_string()}


def show(tables: Tables, seconds: float) -> None:
    """Move the hand."""
    tables.connection.execute("UPDATE movable.hand SET shows = %s", [date_of(seconds)])
