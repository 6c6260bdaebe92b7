"""What EXPLAIN says of a statement, as the Store's own sessions would run it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import psycopg
import psycopg.sql

from actors.store.postgres import session_of
from runtime import sql
from tests.store.tables import NAMESPACE, Tables

Node = dict[str, Any]


@attrs.frozen
class Plan:
    """A plan as EXPLAIN prints it, flat."""

    nodes: tuple[Node, ...]

    def scans_of(self, table: str) -> set[tuple[str, str | None]]:
        """How a table is read: (type of node, index)."""
        return {
            (node["Node Type"], node.get("Index Name"))
            for node in self.nodes
            if node.get("Relation Name") == table and "Scan" in node["Node Type"]
        }

    def unbounded(self, table: str) -> list[Node]:
        """Index scans of a table that read the whole index."""
        return [
            node
            for node in self.nodes
            if node.get("Relation Name") == table
            and "Index" in node["Node Type"]
            and "Index Cond" not in node
        ]

    def types(self) -> set[str]:
        """All types of nodes."""
        return {node["Node Type"] for node in self.nodes}

    def rows_read(self, table: str) -> int:
        """Rows of a table that were looked at, if the plan was run."""
        return sum(
            int(
                (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            )
            for node in self.nodes
            if node.get("Relation Name") == table and "Scan" in node["Node Type"]
        )


def explain(
    tables: Tables, statement: str, *values: Any, analyse: bool = False, freely: bool = False
) -> Plan:
    """The generic plan of a statement; run, and rolled back, if it is to be analysed.

    `freely`: as after plan_freely.sql, the plan for these values.

    Of a prepared statement: EXPLAIN with parameters would show a plan for these very values.
    """
    options = "ANALYZE, TIMING OFF, FORMAT JSON" if analyse else "FORMAT JSON"
    with psycopg.connect(tables.url) as connection:
        for name, value in session_of(NAMESPACE).items():
            connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        if freely:
            connection.execute(sql.load("plan_freely").encode())
        connection.execute(f"PREPARE explained AS {sql.load(statement)}".encode())
        row = connection.execute(_execution(options, values)).fetchone()
        connection.rollback()
    assert row is not None
    return Plan(tuple(_walk(row[0][0]["Plan"])))


def _execution(options: str, values: tuple[Any, ...]) -> psycopg.sql.Composed:
    literals = psycopg.sql.SQL(", ").join(map(psycopg.sql.Literal, values))
    given = psycopg.sql.SQL("({})").format(literals) if values else psycopg.sql.SQL("")
    return psycopg.sql.SQL("EXPLAIN ({}) EXECUTE explained{}").format(
        psycopg.sql.SQL(options), given
    )


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)
