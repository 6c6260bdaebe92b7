"""By which indexes the Store's own sessions would run a statement now."""

from __future__ import annotations

import re
from functools import partial

import trio

from actors.store.bridge import Connection, open_bridge
from actors.store.postgres import session_of
from runtime import sql

_PARAMETER = re.compile(r"\$(\d+)")
_INDEX = re.compile(r'"Index Name": "(\w+)"')


def indexes_of(url: str, namespace: str, statement: str) -> set[str]:
    """Those in its generic plan, which is the one that is used for any parameters."""
    return trio.run(_ask, url, namespace, statement)


async def _ask(url: str, namespace: str, statement: str) -> set[str]:
    async with open_bridge(url, kind="thread", session=session_of(namespace)) as bridge:
        return indexes_in(await bridge.run(partial(_explain, statement=statement)))


async def _explain(connection: Connection, *, statement: str) -> str:
    text = sql.load(statement)
    nulls = ", ".join(["NULL"] * parameters_in(text))
    await connection.execute(f"PREPARE explained AS {text}")
    (row,) = await connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE explained ({nulls})")
    return str(row[0])


def parameters_in(statement: str) -> int:
    """How many it takes."""
    return max((int(number) for number in _PARAMETER.findall(statement)), default=0)


def indexes_in(plan: str) -> set[str]:
    """The indexes that a plan names, as EXPLAIN prints it in JSON."""
    return set(_INDEX.findall(plan))
