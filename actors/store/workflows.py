"""What the actors may ask of the database for workflows: the part of the Store that has steps.

Rules: those of `actors.store.protocol`. No wakeup is lost, though nobody holds a lock over a wait:
who suspends a job and who brings what it waits for both write, commit, and then look (`wake`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import attrs

from runtime.workflow.records import Collected, History, Record, Recorded, Refused, Spawn


@attrs.frozen
class RunRecords:
    """What a run has to be recorded of it."""

    job_id: UUID
    run_number: int
    ask: Record | Spawn


class WorkflowStore(Protocol):
    """See the module's docstring."""

    async def record(self, records: Sequence[RunRecords]) -> list[Recorded | Refused]:
        """Write steps, each ask all or nothing, and answer in order.

        Refused: "lost", where (id, run number) is not the running run; "too_large" or "invalid",
        which concern that ask alone; "later", children in a disabled namespace. A place that is
        done stays as it is: asked again by the same run, it is Recorded; a run after it is refused
        ("invalid").
        """

    async def recall(
        self, job_id: UUID, run_number: int, after: str | None = None
    ) -> History | Refused:
        """What is recorded of a job, behind the place `after`, in the order of places as texts.

        At most 2,000 steps and 4 MiB of outputs, or one step. Refused: "lost".
        """

    async def recall_first(self, runs: Sequence[tuple[UUID, int]]) -> list[History | Refused]:
        """As `recall`, of these (id, run number) in order, from the first place on.

        Pages are smaller: at most 200 steps and 64 KiB of outputs each, or one step.
        """

    async def collect(
        self, job_id: UUID, run_number: int, ids: Sequence[UUID]
    ) -> Collected | Refused:
        """How these jobs have ended, in order; as many of the first as fit in 4 MiB, or one."""

    async def wake(self, job_ids: Sequence[UUID]) -> int:
        """Look whether suspended jobs can go on, and make those available; returns how many.

        Of jobs that wait for children it lets as many of these begin as there is room for; of
        graphs those that have what they come after, and ends what is skipped, and roots; of jobs
        that have ended it cancels the children. Others are left alone: to call it too often is
        harmless, and costs a look.
        """

    async def wake_event(self, name: str) -> int:
        """As `wake`, for all jobs that wait for this event."""

    async def sweep_waits(self, limit: int, term: int | None = None) -> int:
        """As `wake`, for up to `limit` jobs of each sort that somebody should have looked at.

        Returns how many were woken. A leader's: with its `term`, it does nothing once that is over.
        """

    async def prune_events(self, seconds: float, limit: int, term: int | None = None) -> int:
        """Delete up to `limit` events that are older than so many seconds, the oldest first, but
        those that an open step waits for. Returns how many. A leader's, as `sweep_waits`.
        """
