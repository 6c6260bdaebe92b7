"""How the poisons ended, as the database has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from runtime import sql
from scripts.benches.database import connect
from scripts.campaigns.endings import Ended, Told

_ANSWER_SECONDS = 60.0


def read(url: str, namespace: str) -> dict[UUID, Ended]:
    """Those that have ended, by job."""
    asked, rows = asyncio.run(_fetch(url, namespace))
    return {job: _ended(asked, list(of_job)) for job, of_job in groupby(rows, itemgetter("id"))}


def _ended(asked: float, rows: list[Any]) -> Ended:
    return Ended(rows[0]["kind"], rows[0]["state"], tuple(_told(asked, rows)))


def _told(asked: float, rows: Iterable[Any]) -> Iterable[Told]:
    for row in rows:
        if row["run_number"] is not None:
            yield Told(
                row["run_number"],
                row["error_class"],
                row["message"],
                row["trace"],
                row["pid"],
                row["exit_status"],
                row["signal"],
                asked - row["age"],
            )


async def _fetch(url: str, namespace: str) -> tuple[float, list[Any]]:
    """When it was asked, on our clock, and the rows."""
    async with asyncio.timeout(_ANSWER_SECONDS):
        connection = await connect(url, namespace)
        try:
            asked = time.monotonic()
            return asked, await connection.fetch(sql.load("chaos_endings"))
        finally:
            connection.terminate()
