"""The part of MemoryStore that workflows ask, and what their clients do."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from actors.store.guard import Guard
from actors.store.memory import happenings, mailbox, workflows
from actors.store.memory.faults import Faults
from actors.store.memory.state import State
from actors.store.workflows import RunRecords
from runtime.workflow.records import Collected, History, Recorded, Refused


class MemoryWorkflows:
    """See the module's docstring."""

    _state: State
    _guard: Guard
    faults: Faults

    def send_signal(
        self, job_id: UUID, name: str, value: str = "null", signal_id: UUID | None = None
    ) -> str:
        """Send a signal, as a client does: "sent", "known", or the state of an ended job."""
        answer = mailbox.send_signal(self._state, job_id, name, value, signal_id)
        self._state.board.commit()
        return answer

    def emit_event(self, name: str, value: str = "null") -> bool:
        """Let an event happen, as a client does: whether it was the first."""
        first = mailbox.emit_event(self._state, name, value)
        self._state.board.commit()
        return first

    def published(self, job_id: UUID, key: str) -> str | None:
        """What a workflow has published."""
        return self._state.published.get((job_id, key))

    async def record(self, records: Sequence[RunRecords]) -> list[Recorded | Refused]:
        """See Store."""
        async with self.faults.around("record"):
            return [
                self._guard.refused_records(one) or workflows.record(self._state, one)
                for one in records
            ]

    async def recall(
        self, job_id: UUID, run_number: int, after: str | None = None
    ) -> History | Refused:
        """See Store."""
        async with self.faults.around("recall"):
            return workflows.recall(self._state, job_id, run_number, after)

    async def recall_first(self, runs: Sequence[tuple[UUID, int]]) -> list[History | Refused]:
        """See Store."""
        async with self.faults.around("recall_first"):
            return [workflows.recall(self._state, *run, None) for run in runs]

    async def collect(
        self, job_id: UUID, run_number: int, ids: Sequence[UUID]
    ) -> Collected | Refused:
        """See Store."""
        async with self.faults.around("collect"):
            return workflows.collect(self._state, job_id, run_number, ids)

    async def wake(self, job_ids: Sequence[UUID]) -> int:
        """See Store."""
        async with self.faults.around("wake"):
            return workflows.wake(self._state, job_ids)

    async def wake_event(self, name: str) -> int:
        """See Store."""
        async with self.faults.around("wake_event"):
            return workflows.wake_event(self._state, name)

    async def sweep_waits(self, limit: int, term: int | None = None) -> int:
        """See Store."""
        async with self.faults.around("sweep_waits"):
            return workflows.sweep(self._state, limit, term)

    async def prune_events(self, seconds: float, limit: int, term: int | None = None) -> int:
        """See Store."""
        async with self.faults.around("prune_events"):
            return happenings.prune(self._state, seconds, limit, term)
