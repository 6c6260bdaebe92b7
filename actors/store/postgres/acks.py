"""Writing a batch of acks: as one statement, or, when the database refuses a value in it, apart."""

from __future__ import annotations

from collections.abc import Sequence

from actors.store.bridge import Connection
from actors.store.errors import DatabaseError
from actors.store.guard import Guard
from actors.store.postgres import rows
from actors.store.postgres.refusals import is_of_data
from actors.store.protocol import Acked
from runtime import sql
from runtime.errors import PayloadInvalid
from runtime.lifecycle import Ack


async def write(connection: Connection, acks: Sequence[Ack], guard: Guard) -> Acked:
    """All of them, whatever they hold."""
    try:
        return await _write_batch(connection, acks)
    except DatabaseError as error:
        if not is_of_data(error):
            raise
    return await _write_apart(connection, acks, guard)


async def _write_batch(connection: Connection, acks: Sequence[Ack]) -> Acked:
    """One statement; the leaner one (a third less work for the server) if all completed."""
    if all(rows.is_completion(ack) for ack in acks):
        ids, run_numbers, _, _, _, outputs, *_ = rows.ack_columns(acks)
        found = await connection.fetchrow(sql.load("ack_completed"), ids, run_numbers, outputs)
    else:
        found = await connection.fetchrow(sql.load("ack"), *rows.ack_columns(acks))
    assert found is not None
    return rows.acked_of(found, acks)


async def _write_apart(connection: Connection, acks: Sequence[Ack], guard: Guard) -> Acked:
    """Each by itself in one transaction, so that one that is refused does not stop the others: its
    job is discarded with what the database said of it. In the order of ids, as the batches."""
    written = Acked(written=0, stale=())
    async with connection.transaction():
        for ack in sorted(acks, key=lambda ack: ack.id.bytes):
            written = _together(written, await _write_one(connection, ack, guard))
    return written


async def _write_one(connection: Connection, ack: Ack, guard: Guard) -> Acked:
    try:
        async with connection.transaction():
            return await _write_batch(connection, [ack])
    except DatabaseError as error:
        if not is_of_data(error):
            raise
        refused = PayloadInvalid("output", "$", f"the database refused it: {error.message}")
    return await _write_batch(connection, [guard.refusal(ack, refused)])


def _together(one: Acked, other: Acked) -> Acked:
    delays = [one.next_due_seconds, other.next_due_seconds]
    return Acked(
        written=one.written + other.written,
        stale=one.stale + other.stale,
        retried=one.retried + other.retried,
        discarded=one.discarded + other.discarded,
        cancelled=one.cancelled + other.cancelled,
        next_due_seconds=min((delay for delay in delays if delay is not None), default=None),
    )
