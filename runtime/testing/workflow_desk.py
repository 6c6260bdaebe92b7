"""The desk of a workflow that `drain` runs: its asks are answered by the Store, here and now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from runtime import wire
from runtime.child.notebook import NoWorkflows
from runtime.job import ClaimedJob
from runtime.workflow.records import Answer

if TYPE_CHECKING:
    from runtime.testing.backstage import Backstage


class Given:
    """The ticket of an ask that is answered already."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def wait(self) -> Answer:
        """The answer."""
        return self._answer


class WorkflowDesk(NoWorkflows):
    """Timeouts of steps do not interrupt, as nothing does in `drain`."""

    def __init__(self, stage: Backstage, job: ClaimedJob, *, is_async: bool) -> None:
        self.asked = False  # the job is a workflow that has done something
        self._stage = stage
        self._job = job
        self._is_async = is_async

    def ask(self, frame: wire.Asked) -> Any:
        """In any thread, as a workflow's own are."""
        self.asked = True
        answer = self._stage.answer(self._job, frame.ask)
        if not self._is_async:
            return Given(answer)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        future.set_result(answer)
        return future
