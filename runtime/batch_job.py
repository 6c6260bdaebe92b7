"""BatchJob: one job of a batch, as its handler sees it, and how it says what became of it.

Rule: a mark holds at once: what comes after it, a crash or the node's end included, changes nothing
of that job. What a handler returns or raises is for the jobs that it has not marked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from runtime.child.context import JobContext
from runtime.errors import UsageError
from runtime.ids import uuid7
from runtime.outcome import Cancel, Discard, Snooze
from runtime.wire import Run

A = TypeVar("A")
Report = Callable[["BatchJob[Any]", Any, "BaseException | None"], None]
"""Takes a job, and its output or the error or verdict that it ended with."""


class BatchJob(Generic[A]):
    """One job of a batch. A test makes it of its args alone, and looks at `marked`.

    Attributes: args, as the handler's annotation has them. context: what `current_job()` gives
    elsewhere: the job's metadata, its progress and log.
    """

    __slots__ = ("_report", "args", "context", "error", "marked", "output")

    def __init__(
        self, args: A, context: JobContext | None = None, report: Report | None = None
    ) -> None:
        self.args = args
        self.context = context or JobContext(_imagined())
        self.marked = False
        self.output: Any = None
        self.error: BaseException | None = None
        self._report = report

    def __repr__(self) -> str:
        return f"<BatchJob {self.id} {self.args!r:.200}>"

    @property
    def id(self) -> UUID:
        """The job's id."""
        return self.context.id

    @property
    def attempt(self) -> int:
        """Counted tries, this one included; from 1."""
        return self.context.attempt

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled this job. It will be cancelled, whatever it is marked with;
        the call goes on for the others, and is interrupted when all that are left are."""
        return self.context.cancelled

    def complete(self, output: Any = None) -> None:
        """It is done, with this output. Raises: UsageError, if it is marked already."""
        self._mark(output, None)

    def fail(self, error: BaseException) -> None:
        """It failed; it is retried as after any error that a handler raises. Raises: as above."""
        if not isinstance(error, BaseException):
            raise UsageError(f"a job fails with an exception, not {error!r:.200}")
        self._mark(None, error)

    def snooze(self, delay: float | timedelta) -> None:
        """Run it again after `delay` (seconds or timedelta), uncounted. Raises: as above."""
        self._mark(None, Snooze(delay))

    def discard(self, reason: str = "discarded by its handler") -> None:
        """Give it up. Raises: as above."""
        self._mark(None, Discard(reason))

    def cancel(self, reason: str = "cancelled by its handler") -> None:
        """It is no longer wanted. Raises: as above."""
        self._mark(None, Cancel(reason))

    def _mark(self, output: Any, error: BaseException | None) -> None:
        if self.marked:
            raise UsageError(f"{self!r} is marked already")
        self.marked, self.output, self.error = True, output, error
        if self._report is not None:
            self._report(self, output, error)

    def settle(self, result: Any) -> Any:
        """Its output. `result`: what the handler returned for it, for what counts unless marked.

        Raises: the error or verdict that it ended with.
        """
        output, error = (self.output, self.error) if self.marked else (result, None)
        if error is None and isinstance(output, BaseException):
            error = output
        if error is not None:
            raise error
        return output


def results_of(jobs: Sequence[BatchJob[Any]], returned: Any) -> Sequence[Any]:
    """What a handler returned, one for each of its jobs. Raises: UsageError, if it is not that."""
    if returned is None:
        return [None] * len(jobs)
    if not isinstance(returned, (list, tuple)) or len(returned) != len(jobs):
        what = f"{len(returned)} results" if isinstance(returned, (list, tuple)) else repr(returned)
        raise UsageError(
            f"a batch handler returns a list with one result for each job, or None; this one got "
            f"{len(jobs)} jobs and returned {what:.200}"
        )
    return returned


def _imagined() -> Run:
    return Run(
        seq=0,
        epoch=0,
        id=uuid7().bytes,
        run_number=1,
        kind="",
        queue="default",
        args="{}",
        attempt=1,
        max_attempts=1,
        metadata="{}",
    )
