"""Whether the tables are looked after: vacuum, indexes, and schedules that do not fire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from actors.store.bridge import Bridge, Connection, Row
from actors.store.postgres import indexes
from actors.store.postgres.indexes import IndexSize
from runtime import sql
from runtime.cli.checks.finding import Finding, advise, ok, problem

_REINDEX = "the leader does it at a quiet time; at once: python -m runtime maintain reindex"


async def check_upkeep(bridge: Bridge, namespace: str) -> list[Finding]:
    """Look at settings, indexes and schedules."""
    row, sizes, leftovers = await bridge.run(partial(_look, namespace))
    return [*_judge(row), *_judge_indexes(sizes, leftovers)]


async def _look(namespace: str, connection: Connection) -> tuple[Row, list[IndexSize], list[str]]:
    (row,) = await connection.fetch(sql.load("check_upkeep"), namespace)
    sizes = await indexes.sizes(connection, namespace)
    leftovers = [each["name"] for each in await indexes.leftovers(connection, namespace)]
    return row, sizes, leftovers


def _judge(row: Row) -> Iterator[Finding]:
    if row["never_vacuumed"]:
        text = f"switched off for {', '.join(row['never_vacuumed'])}"
        yield problem("autovacuum", text, "reset their option autovacuum_enabled")
    if row["reset"]:
        text = f"settings of the migrations are missing on {', '.join(row['reset'])}"
        yield advise("autovacuum", text, "set them as schema/migrations has them")
    for name in row["broken_schedules"]:
        advice = f"python -m runtime schedule show {name}"
        yield problem("schedules", f"{name} cannot be planned, and does not fire", advice)


def _judge_indexes(sizes: Sequence[IndexSize], leftovers: Sequence[str]) -> Iterator[Finding]:
    if leftovers:
        text = f"left by interrupted rebuilds: {', '.join(leftovers)}"
        yield advise("indexes", text, _REINDEX)
    bloated = [each for each in sizes if each.bloated]
    for each in bloated:
        text = f"{each.name} takes {each.bytes / 2**20:,.0f} MiB and needs a third of that or less"
        yield advise("indexes", text, _REINDEX)
    if not leftovers and not bloated:
        yield ok("indexes", f"{sum(each.bytes for each in sizes) / 2**20:,.0f} MiB, none bloated")
