"""Completing a job on its handler's own connection: job and effects commit together, or neither.

Rule: fenced by (job id, run number) and `state = 'running'`, as every outcome is. If the fence does
not hold, this raises, so that the handler's transaction is rolled back with all its effects.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import attrs
import msgspec

from runtime.client.connections import driver_of
from runtime.client.driver import AsyncDriver, Rows
from runtime.client.failures import explained
from runtime.client.statements import statement
from runtime.errors import JobCancelled, JobLost


@attrs.frozen
class Completion:
    """The run to be completed. `output` is JSON text as it is stored, or None; `wall_seconds`: for
    how long it has run."""

    namespace: str
    job_id: UUID
    run_number: int
    output: str | None
    wall_seconds: float | None = None

    @property
    def parameter(self) -> str:
        """As client_complete.sql takes it."""
        output = None if self.output is None else msgspec.Raw(self.output.encode())
        told = {
            "id": str(self.job_id),
            "run_number": self.run_number,
            "output": output,
            "wall_seconds": self.wall_seconds,
        }
        return msgspec.json.encode(told).decode()

    def judge(self, rows: Rows) -> None:
        """Return if it was written. Raises: JobLost, JobCancelled."""
        written, state, run_number, cancelled, *_told = rows[0]
        if written:
            return
        if state == "running" and run_number == self.run_number and cancelled:
            raise JobCancelled("somebody cancelled the job while it ran")
        raise JobLost(self.job_id, self.run_number, standing(state, run_number, self.run_number))


def standing(state: str | None, run_number: int | None, ours: int) -> str:
    """How a job stands that is not our run's any more, for people."""
    if state is None:
        return "there is no such job; it was deleted, or is of another database"
    if run_number != ours:
        return f"it is {state}, in its run {run_number}"
    return f"it is {state} already"


def complete(conn: Any, completion: Completion) -> Awaitable[None] | None:
    """Complete the run on this connection; an async one: awaitable. See JobContext.complete."""
    driver = driver_of(conn)
    text = statement("complete", completion.namespace, driver.placeholder)
    if isinstance(driver, AsyncDriver):
        return _complete_async(driver, text, completion)
    with explained(completion.namespace):
        completion.judge(driver.fetch(text, completion.parameter))
    return None


async def _complete_async(driver: AsyncDriver, text: str, completion: Completion) -> None:
    with explained(completion.namespace):
        completion.judge(await driver.fetch(text, completion.parameter))
