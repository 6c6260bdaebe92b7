"""What a campaign left behind, read back: rows of the database, and the lines of the runs."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import attrs
import msgspec

from runtime import sql
from scripts.benches.database import connect
from scripts.campaigns.history import Failure, HandBack, Row, Run

_FIELDS = 5  # of a line of the trace
_NANO = 1_000_000_000
# What is raised while the database is away.
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
_ANSWER_SECONDS = 60.0


@attrs.frozen
class Relation:
    """A table or an index, as the database has it now. `dead_rows`: as its statistics say."""

    name: str
    is_index: bool
    bytes: int
    dead_rows: int


def completed(url: str, namespace: str) -> int | None:
    """How many jobs are completed; None while the database does not say."""
    try:
        _, (row,) = asyncio.run(_fetch(url, namespace, "chaos_completed"))
    except AWAY:
        return None
    return int(row["jobs"])


def rows(url: str, namespace: str) -> list[Row]:
    """All jobs, with their failures."""
    failures: dict[UUID, list[Failure]] = defaultdict(list)
    asked, found = asyncio.run(_fetch(url, namespace, "chaos_failures"))
    for each in found:
        at = asked - each["age"]
        failure = Failure(each["run_number"], each["attempt"], each["error_class"], at)
        failures[each["job_id"]].append(failure)
    return [
        Row(
            each["id"],
            each["state"],
            each["run_number"],
            each["attempt"],
            None if each["output"] is None else msgspec.json.decode(each["output"]),
            tuple(failures[each["id"]]),
        )
        for each in asyncio.run(_fetch(url, namespace, "chaos_rows"))[1]
    ]


def miscounted(url: str, namespace: str) -> tuple[str, ...]:
    """Where the counts of jobs are not those of the rows."""
    _, found = asyncio.run(_fetch(url, namespace, "chaos_miscounted"))
    return tuple(
        f"{each['counted']} jobs of {each['queue']} are counted as {each['state']}, and there are"
        f" {each['jobs']}"
        for each in found
    )


def begun(url: str, namespace: str, queue: str) -> list[float]:
    """When the jobs of a queue began to run last, in seconds of the database's clock."""
    _, found = asyncio.run(_fetch(url, namespace, "chaos_begun", queue))
    return [each["at"] for each in found]


def unfinished(url: str, namespace: str) -> int:
    """How many jobs are not final."""
    _, (row,) = asyncio.run(_fetch(url, namespace, "chaos_unfinished"))
    return int(row["jobs"])


def long_runs(url: str, namespace: str) -> set[int]:
    """The processes of the nodes that have a long job in their hands."""
    _, found = asyncio.run(_fetch(url, namespace, "chaos_long_runs"))
    return {each["pid"] for each in found}


def watch_hand_backs(url: str, namespace: str) -> None:
    """From now on have it noted when a job goes back from running to available."""
    asyncio.run(_fetch(url, namespace, "chaos_watch"))


def hand_backs(url: str, namespace: str) -> list[HandBack]:
    """All since `watch_hand_backs`, in the order of time."""
    asked, found = asyncio.run(_fetch(url, namespace, "chaos_hand_backs"))
    return [HandBack(each["job_id"], each["run_number"], asked - each["age"]) for each in found]


def relations(url: str, namespace: str) -> list[Relation]:
    """All tables and indexes."""
    _, found = asyncio.run(_fetch(url, namespace, "chaos_sizes"))
    return [
        Relation(each["name"], each["is_index"], each["bytes"], each["dead_rows"]) for each in found
    ]


async def _fetch(url: str, namespace: str, statement: str, *values: Any) -> tuple[float, list[Any]]:
    """When it was asked, on our clock, and the rows."""
    async with asyncio.timeout(_ANSWER_SECONDS):
        connection = await connect(url, namespace)
        try:
            asked = time.monotonic()
            return asked, await connection.fetch(sql.load(statement), *values)
        finally:
            connection.terminate()


def runs(trace: Path) -> Iterator[Run]:
    """The runs whose handlers left their lines in this file; two that are the same are two."""
    begun: dict[tuple[UUID, int, int], float] = {}
    for line in trace.read_text().splitlines():
        if len(line.split()) != _FIELDS:
            continue  # nothing, or a line whose writer was killed
        at_ns, pid, what, job, number = line.split()
        key, at = (UUID(job), int(number), int(pid)), int(at_ns) / _NANO
        if what == "ended":
            yield Run(key[0], key[1], key[2], begun.pop(key), at)
        elif key in begun:
            yield Run(key[0], key[1], key[2], at, None)
        else:
            begun[key] = at
    for (job_id, run_number, process), at in begun.items():
        yield Run(job_id, run_number, process, at, None)
