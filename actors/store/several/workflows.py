"""What the work asks for workflows of several namespaces, as if they were one.

Rule: a run's records go where it came from. Who is to be woken may be of any namespace, for this
node holds no run of it: all are asked, and those that do not know it do nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from actors.store.workflows import RunRecords
from runtime.workflow.records import Collected, History, Recorded, Refused

if TYPE_CHECKING:
    from actors.store.several.store import SeveralStore

_LOST = Refused("lost", "the job is not held here")


async def record(several: SeveralStore, records: Sequence[RunRecords]) -> list[Recorded | Refused]:
    """See Store."""
    sorted_, _ = several.homes.sort(range(len(records)), lambda place: records[place].job_id)
    answers: list[Recorded | Refused] = [_LOST] * len(records)

    async def ask(at: int, places: Sequence[int]) -> None:
        part = [records[place] for place in places]
        for place, answer in zip(places, await several.stores[at].record(part), strict=True):
            answers[place] = answer

    await several.some(sorted_, ask)
    return answers


async def recall(
    several: SeveralStore, job_id: UUID, run_number: int, after: str | None
) -> History | Refused:
    """See Store."""
    at = several.homes.of(job_id)
    return _LOST if at is None else await several.stores[at].recall(job_id, run_number, after)


async def recall_first(
    several: SeveralStore, runs: Sequence[tuple[UUID, int]]
) -> list[History | Refused]:
    """See Store."""
    sorted_, _ = several.homes.sort(range(len(runs)), lambda place: runs[place][0])
    answers: list[History | Refused] = [_LOST] * len(runs)

    async def ask(at: int, places: Sequence[int]) -> None:
        found = await several.stores[at].recall_first([runs[place] for place in places])
        for place, answer in zip(places, found, strict=True):
            answers[place] = answer

    await several.some(sorted_, ask)
    return answers


async def collect(
    several: SeveralStore, job_id: UUID, run_number: int, ids: Sequence[UUID]
) -> Collected | Refused:
    """See Store."""
    at = several.homes.of(job_id)
    return _LOST if at is None else await several.stores[at].collect(job_id, run_number, ids)
