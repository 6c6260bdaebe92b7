"""Whether a notification sent here arrives here: behind a transaction pooler it does not."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import trio

from actors.store.bridge import Bridge, Connection, Note
from runtime import sql
from runtime.cli.checks.finding import Finding, ok, problem

# A notification takes 1 ms; a pooler that swallows it takes for ever.
ARRIVAL_SECONDS = 5.0


async def check_listening(bridge: Bridge, namespace: str) -> list[Finding]:
    """LISTEN, NOTIFY through another connection, wait."""
    if bridge.pooler:
        return [ok("listening", "not asked for (--pooler): the poll finds work")]
    channel, payload = f"{namespace}.check", uuid4().hex
    async with bridge.listen([channel]) as notes:
        await bridge.run(partial(_notify, channel, payload))
        with trio.move_on_after(ARRIVAL_SECONDS) as waiting:
            await _wait_for(notes, (channel, payload))
    if waiting.cancelled_caught:
        text = f"a notification did not arrive within {ARRIVAL_SECONDS:g} s"
        advice = "behind a transaction pooler serve with --pooler, or give the database's own URL"
        return [problem("listening", text, advice)]
    return [ok("listening", "notifications arrive")]


async def _notify(channel: str, payload: str, connection: Connection) -> None:
    await connection.fetch(sql.load("check_notify"), channel, payload)


async def _wait_for(notes: trio.MemoryReceiveChannel[Note], wanted: Note) -> None:
    async for note in notes:
        if note == wanted:
            return
