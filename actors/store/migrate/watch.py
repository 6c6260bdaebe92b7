"""What a migration tells of itself while it runs, for whoever wants to show it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Literal

import attrs
import trio

from actors.store.bridge import Bridge, Connection
from runtime import sql
from runtime.errors import HeadraceError

log = logging.getLogger(__name__)

# How often a running index build is asked how far it is, in seconds: a person reads the answer.
WATCH_SECONDS = 1.0


@attrs.frozen
class Progress:
    """Something to show.

    Attributes: what; label of the migration it is about; detail, one line for people, maybe "".
    """

    what: Literal["begin", "building", "waiting for migrator", "waiting for lock", "end"]
    label: str
    detail: str = ""


Observe = Callable[[Progress], None]


async def watch_build(bridge: Bridge, namespace: str, label: str, observe: Observe) -> None:
    """Tell how far the namespace's index build is, until cancelled."""
    while True:
        await trio.sleep(WATCH_SECONDS)
        try:
            detail = await bridge.run(partial(_build_detail, namespace=namespace))
        except HeadraceError as error:
            log.debug("cannot see how far the build of %s is: %s", label, error)
            continue
        if detail:
            observe(Progress("building", label, detail))


async def _build_detail(connection: Connection, *, namespace: str) -> str:
    row = await connection.fetchrow(sql.load("migrate_progress"), namespace)
    if row is None:
        return ""
    detail: str = row["phase"]
    if row["blocks_total"]:
        detail += f", {row['blocks_done']:,} of {row['blocks_total']:,} blocks"
    if row["locker"]:
        detail += f", waits for {row['lockers']} transactions, now that of pid {row['locker']}"
    return detail
