"""What clients do with workflows: signals, events, published values, forks.

Rules: each is one statement, or one transaction, which may be repeated: signals and forks have ids
of their sender's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import attrs
import msgspec

from runtime.client.database import Connection, Database
from runtime.client.messages import Message
from runtime.client.reading import WISH_SECONDS, Pauses
from runtime.client.statements import channel, statement
from runtime.client.waiting import Waiting
from runtime.codec.sealer import PLAIN, Sealer
from runtime.errors import JobEnded, JobNotFound, ResultTimeout, UsageError
from runtime.graph_node import ROOT_KIND
from runtime.lifecycle import JobState
from runtime.timeline import whole_number

FromStep = str | int
"""A place, such as 4 or "4"; or the name of a step: then the first of that name."""

_NOT_YET = object()


@attrs.frozen
class Forked:
    """A new run of a workflow, from a step of another on. `inserted`: False, if it was there."""

    id: UUID
    kind: str
    inserted: bool


class WorkflowWork:
    """See the module's docstring. All methods raise StoreUnavailable and SchemaNotMigrated."""

    def __init__(self, database: Database, waiting: Waiting, sealer: Sealer = PLAIN) -> None:
        self._database = database
        self._waiting = waiting
        self._sealer = sealer

    async def send(self, message: Message) -> bool:
        """Whether it is new. Raises: JobNotFound, JobEnded."""
        rows = await self._fetch(message.statement, message.parameter)
        return message.judge([tuple(row.values()) for row in rows])

    async def read(self, job_id: UUID, key: str, timeout: float | None) -> Any:
        """Wait for what the workflow publishes under the key. Raises: JobNotFound; JobEnded, if it
        will not any more; ResultTimeout; CodecError."""
        value = await self._published(job_id, key)
        if value is _NOT_YET and timeout != 0:
            value = await self._told(job_id, key, timeout)
        if value is _NOT_YET:
            within = f"within {timeout:g} s" if timeout else "yet"
            raise ResultTimeout(f"job {job_id} has published no {key!r} {within}; it goes on")
        return value

    async def _told(self, job_id: UUID, key: str, timeout: float | None) -> Any:
        """See runtime.client.reading."""
        with self._waiting.hearing(job_id) as stir:
            pauses = Pauses(stir, timeout)
            while True:
                stir.clear()
                if not self._database.pooler and pauses.wishes():
                    await self._fetch("await", [job_id], WISH_SECONDS)
                value = await self._published(job_id, key)
                if value is not _NOT_YET or pauses.over:
                    return value
                await pauses.wait(told=self._waiting.hears)

    async def _published(self, job_id: UUID, key: str) -> Any:
        rows = await self._fetch("published", job_id, key)
        if not rows:
            raise JobNotFound(job_id)
        (row,) = rows
        if row["known"]:
            text = self._sealer.unseal("step", row["value"], row["kind"], job_id)
            return msgspec.json.decode(text)
        if JobState(row["state"]).final:
            raise JobEnded(job_id, row["state"], f"it has published no {key!r}")
        return _NOT_YET

    async def fork(self, job_id: UUID, from_step: FromStep, fork_id: UUID) -> Forked:
        """Add a job that has the steps before this one behind it, and runs from there on.

        Raises: JobNotFound, UsageError, CodecError.
        """

        async def unit(connection: Connection) -> Forked:
            source = await connection.fetchrow(self._text("fork_source"), job_id)
            if source is None:
                raise JobNotFound(job_id)
            if source["kind"] == ROOT_KIND:
                raise UsageError(f"job {job_id} is a graph's root: enqueue the graph again")
            steps = await connection.fetch(self._text("steps"), job_id, None, None)
            number = _number(job_id, from_step, [(row["place"], row["name"]) for row in steps])
            args = self._sealer.unseal("args", source["args"], source["kind"], job_id)
            sealed = self._sealer.seal("args", args, source["kind"], fork_id)
            wakeup = channel(self._database.namespace, "wakeup")
            row = await connection.fetchrow(
                self._text("fork"), job_id, fork_id, sealed, number, wakeup
            )
            return Forked(fork_id, source["kind"], row["inserted"])

        return await self._database.run(unit)

    def _text(self, name: str) -> str:
        return statement(name, self._database.namespace)

    async def _fetch(self, name: str, *values: object) -> list[Any]:
        text = self._text(name)
        rows: list[Any] = await self._database.run(lambda conn: conn.fetch(text, *values))
        return rows


def _number(job_id: UUID, from_step: FromStep, steps: Sequence[tuple[str, str]]) -> int:
    """Of the workflow's own operation to begin at. `steps`: places and names, in order."""
    wanted = str(from_step)
    if wanted.partition(".")[0].isdecimal():
        number, last = (
            whole_number(wanted),
            max((whole_number(place) for place, _ in steps), default=0),
        )
        if 1 <= number <= last + 1:
            return number
        raise UsageError(f"job {job_id} has come to step {last}; it cannot be forked at {wanted}")
    for place, name in steps:
        if name == wanted:
            return whole_number(place)
    raise UsageError(f"job {job_id} has recorded no step of the name {wanted!r}")
