"""The part of PostgresStore that workflows ask.

Rules: all steps of a batch are one statement. What the database refuses for its content is found by
writing ask by ask, and refused alone; another error is of the whole batch, which may be repeated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from actors.store.bridge import Connection, Row
from actors.store.bridge.port import Unit
from actors.store.errors import DatabaseError
from actors.store.guard import Guard
from actors.store.postgres import steps
from actors.store.workflows import RunRecords
from runtime import sql
from runtime.errors import JobNotUnique, NamespaceDisabled, UsageError
from runtime.job_entry import as_json
from runtime.workflow.records import Collected, History, Record, Recorded, Refused, Spawn

MOST_STEPS = 2_000
MOST_BYTES = 4 * 1024 * 1024
# Of each workflow of which the first page is read together with others'.
FIRST_STEPS = 200
FIRST_BYTES = 64 * 1024
# As cancel_children cancels at once: if so many were, there may be more.
MOST_CANCELLED = 1_000
MOST_WOKEN = 1_000

Written = Recorded | Refused
T = TypeVar("T")


class PostgresWorkflows:
    """See the module's docstring."""

    _guard: Guard

    async def _fetch(self, statement: str, *values: Any) -> list[Row]:
        raise NotImplementedError

    async def _run(self, unit: Unit[T]) -> T:
        raise NotImplementedError

    async def _fetchrow(self, statement: str, *values: Any) -> Row:
        raise NotImplementedError

    async def record(self, records: Sequence[RunRecords]) -> list[Written]:
        """See Store."""
        refused = [self._guard.refused_records(one) for one in records]
        sound = [one for one, wrong in zip(records, refused, strict=True) if wrong is None]
        written = iter(await self._write(sound))
        ended = [one.job_id for one in sound if _gives_up_children(one)]
        if ended:
            await self.wake(ended)
        return [next(written) if wrong is None else wrong for wrong in refused]

    async def _write(self, records: Sequence[RunRecords]) -> list[Written]:
        plain = [one for one in records if _is_plain(one)]
        answers = iter(await self._write_steps(plain))
        others = iter(await self._write_others([one for one in records if not _is_plain(one)]))
        return [next(answers if _is_plain(one) else others) for one in records]

    async def _write_steps(self, records: Sequence[RunRecords]) -> list[Written]:
        if not any(steps.steps_of(one) for one in records):
            return [Recorded() for _ in records]
        try:
            statement, columns = steps.record_statement(records)
            row = await self._fetchrow(statement, *columns)
        except UsageError as error:
            if len(records) == 1:
                return [Refused("invalid", str(error))]
            return [answer for one in records for answer in await self._write_steps([one])]
        return steps.recorded_of(row, records)

    async def _write_others(self, records: Sequence[RunRecords]) -> list[Written]:
        """Child jobs of several runs in one transaction; if it is refused, each in its own."""
        spawns = [(one, one.ask) for one in records if isinstance(one.ask, Spawn)]
        if len(spawns) == len(records) > 1:
            with contextlib.suppress(UsageError, JobNotUnique, NamespaceDisabled, DatabaseError):
                return await self._spawn_together(spawns)
        return [await self._write_apart(one) for one in records]

    async def _spawn_together(self, spawns: Sequence[tuple[RunRecords, Spawn]]) -> list[Written]:
        order = sorted(range(len(spawns)), key=lambda at: spawns[at][0].job_id)

        async def unit(connection: Connection) -> list[tuple[int, Row]]:
            async with connection.transaction():
                return [
                    (at, row)
                    for at in order
                    for row in await connection.fetch(sql.load("spawn"), *_values_of(*spawns[at]))
                ]

        rows = dict(await self._run(unit))
        return [steps.spawned_of(rows[at], one) for at, (one, _) in enumerate(spawns)]

    async def _write_apart(self, one: RunRecords) -> Written:
        try:
            if isinstance(one.ask, Spawn):
                return await self._spawn(one, one.ask)
            return await self._begin_anew(one)
        except NamespaceDisabled as error:
            return Refused("later", str(error))
        except (UsageError, JobNotUnique) as error:
            return Refused("invalid", str(error))

    async def _spawn(self, one: RunRecords, ask: Spawn) -> Written:
        row = await self._fetchrow("spawn", *_values_of(one, ask))
        return steps.spawned_of(row, one)

    async def _begin_anew(self, one: RunRecords) -> Written:
        (step,) = (step for step in steps.steps_of(one) if step.op == steps.BEGINS_ANEW)
        told = (step.output or "{}", step.place, step.name)
        row = await self._fetchrow("continue_as_new", one.job_id, one.run_number, *told)
        return Recorded(row["now"]) if row["jobs"] else steps.LOST

    async def recall(
        self, job_id: UUID, run_number: int, after: str | None = None
    ) -> History | Refused:
        """See Store."""
        found = await self._fetch("recall", job_id, run_number, after, MOST_STEPS, MOST_BYTES)
        return steps.history_of(found)

    async def recall_first(self, runs: Sequence[tuple[UUID, int]]) -> list[History | Refused]:
        """See Store."""
        ids, numbers = [run[0] for run in runs], [run[1] for run in runs]
        found = await self._fetch("recall_first", ids, numbers, FIRST_STEPS, FIRST_BYTES)
        pages: list[list[Row]] = [[] for _ in runs]
        for row in found:
            pages[row["asked"] - 1].append(row)
        return [steps.history_of(page) for page in pages]

    async def collect(
        self, job_id: UUID, run_number: int, ids: Sequence[UUID]
    ) -> Collected | Refused:
        """See Store."""
        if not ids:
            return Collected(())
        found = await self._fetch("collect", job_id, run_number, list(ids), MOST_BYTES)
        return steps.collected_of(found)

    async def wake(self, job_ids: Sequence[UUID]) -> int:
        """See Store."""
        woken = 0
        ids = sorted(set(job_ids))
        while ids:
            row = await self._fetchrow("wake", ids)
            woken += row["woken"]
            if row["cancelled"] < MOST_CANCELLED:
                break
        return woken

    async def wake_event(self, name: str) -> int:
        """See Store."""
        woken = 0
        while True:
            now: int = (await self._fetchrow("wake_event", name, MOST_WOKEN))["woken"]
            woken += now
            if now < MOST_WOKEN:
                return woken

    async def sweep_waits(self, limit: int, term: int | None = None) -> int:
        """See Store."""
        woken: int = (await self._fetchrow("sweep_waits", limit, term))["woken"]
        return woken

    async def prune_events(self, seconds: float, limit: int, term: int | None = None) -> int:
        """See Store."""
        return int((await self._fetchrow("prune_events", seconds, limit, term))["events"])


def _values_of(one: RunRecords, ask: Spawn) -> tuple[Any, ...]:
    """What spawn.sql takes."""
    return (
        one.job_id,
        one.run_number,
        ask.step.place,
        as_json(ask.jobs),
        None if ask.more else steps.waiting_json(ask.step, ask.after),
        ask.step.max_in_flight,
        ask.detached,
    )


def _is_plain(one: RunRecords) -> bool:
    """Whether record.sql can write it with others."""
    if not isinstance(one.ask, Record):
        return False
    return all(step.op != steps.BEGINS_ANEW for step in one.ask.steps)


def _gives_up_children(one: RunRecords) -> bool:
    """Whether it ends a step whose other children nobody waits for any more."""
    return any(
        step.done and step.error is not None and step.op in ("run", "map")
        for step in steps.steps_of(one)
    )
