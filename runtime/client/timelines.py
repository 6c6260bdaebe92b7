"""How a workflow stands, for clients: its steps, and the jobs that belong together.

    steps ─▶ pages of steps, without outputs ─▶ (asked for) their outputs, some MiB at a time

Rules: a page at a time, so that no statement and no answer is large, however many steps there are.
Outputs are read only where they are asked for. A look never fails for what it looks at: what cannot
be opened stays in its envelope.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from runtime.client.database import Database
from runtime.client.statements import statement
from runtime.codec.sealer import PLAIN, Sealer
from runtime.errors import CodecError, JobNotFound, UsageError
from runtime.family import Family, Parent
from runtime.lifecycle import JobState
from runtime.payload import MIB
from runtime.readable import readable
from runtime.timeline import Step

# Of one statement: some milliseconds; with outputs, some tens.
_PAGE_STEPS = 2_000
_PAGE_OUTPUTS = 100
_PAGE_BYTES = 4 * MIB


class Timelines:
    """See the module's docstring. All methods raise StoreUnavailable and SchemaNotMigrated."""

    def __init__(self, database: Database, sealer: Sealer = PLAIN) -> None:
        self._database = database
        self._sealer = sealer

    async def steps(
        self, job_id: UUID, *, outputs: bool, after: str | None, limit: int | None
    ) -> list[Step]:
        """In the order of their places; none of a job that is no workflow, or is not there."""
        _check(after, limit)
        steps: list[Step] = []
        while limit is None or len(steps) < limit:
            most = _PAGE_STEPS if limit is None else min(_PAGE_STEPS, limit - len(steps))
            page = [_step(row) for row in await self._fetch("steps", job_id, after, most)]
            steps += await self._with_outputs(job_id, page) if outputs else page
            if len(page) < most:
                break
            after = page[-1].place
        return steps

    async def _with_outputs(self, job_id: UUID, steps: Sequence[Step]) -> list[Step]:
        found: list[Step] = []
        most = _PAGE_OUTPUTS
        while len(found) < len(steps):
            wanted = steps[len(found) : len(found) + most]
            places = [step.place for step in wanted]
            rows = await self._fetch("outputs", job_id, places, _PAGE_BYTES)
            if not rows:  # the job is gone
                return found
            most = min(_PAGE_OUTPUTS, 2 * len(rows))  # what does not fit is read in vain
            for step, row in zip(wanted, rows, strict=False):
                output = self._opened(row["output"], row["kind"], job_id)
                found.append(msgspec.structs.replace(step, output=output))
        return found

    def _opened(self, text: str | None, kind: str, job_id: UUID) -> Any:
        if text is None:
            return None
        with contextlib.suppress(CodecError):
            text = self._sealer.unseal("step", text, kind, job_id)
        return readable(text)

    async def family(self, job_id: UUID) -> Family:
        """Raises: JobNotFound."""
        rows = await self._fetch("family", job_id)
        if not rows:
            raise JobNotFound(job_id)
        (row,) = rows
        parent = None
        if row["parent_id"] is not None:
            state = row["parent_state"]
            parent = Parent(
                row["parent_id"],
                row["parent_place"],
                row["parent_kind"],
                None if state is None else JobState(state),
            )
        return Family(parent, _by_state(row["children"]))

    async def _fetch(self, name: str, *values: object) -> list[Any]:
        text = statement(name, self._database.namespace)
        rows: list[Any] = await self._database.run(lambda conn: conn.fetch(text, *values))
        return rows


def _step(row: Any) -> Step:
    fields, children = dict(row.items()), row["children"]
    fields["children"] = {} if children is None else msgspec.json.decode(children)
    return Step(**fields, output=msgspec.UNSET)


def _by_state(text: str | None) -> dict[JobState, int]:
    counted: dict[str, int] = {} if text is None else msgspec.json.decode(text)
    return {state: counted[state.value] for state in JobState if state.value in counted}


def _check(after: str | None, limit: int | None) -> None:
    """Raises: UsageError."""
    if after is not None and not all(part.isdecimal() for part in str(after).split(".")):
        raise UsageError(f"after={after!r:.100}: give a step's place, such as 3 or '3.1.2'")
    if limit is not None and (type(limit) is not int or limit < 0):
        raise UsageError(f"limit={limit!r:.100}: give a number of steps, or None for all")
