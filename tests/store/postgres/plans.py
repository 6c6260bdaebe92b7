"""What EXPLAIN says of a statement, as the Store's own sessions would run it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import attrs

from actors.store.bridge import Bridge, Connection
from runtime import sql

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


class _RolledBack(Exception):
    pass


async def explain(bridge: Bridge, statement: str, *values: Any, analyse: bool = False) -> Plan:
    """The plan of a statement; run, and rolled back, if it is to be analysed."""
    options = "ANALYZE, TIMING OFF, FORMAT JSON" if analyse else "FORMAT JSON"
    query = f"EXPLAIN ({options}) {sql.load(statement)}"
    found: list[str] = []

    async def unit(connection: Connection) -> None:
        async with connection.transaction():
            found.append(await connection.fetchval(query, *values))
            raise _RolledBack

    with contextlib.suppress(_RolledBack):
        await bridge.run(unit)
    ((explained,),) = [json.loads(text) for text in found]
    return Plan(tuple(_walk(explained["Plan"])))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)
