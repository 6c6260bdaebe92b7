"""`drain`: run in this process what waits in a database, as a node's children would.

    claim ─▶ handler, here ─▶ outcome ─▶ decide ─▶ ack ─▶ claim ...      until nothing is left

Claims, outcomes and retries are the node's own code, and the same rows are left. Workflows run,
wait and are woken, and so do their children; `advance` lets the time pass for which they sleep.
What only a process can give is not there: timeouts and cancellation do not interrupt, limits of
memory and CPU do not hold, and a handler that kills its process kills the test's. Sync handlers run
in the calling thread, async ones in a loop of their own, in another thread: whatever loop the test
has.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import attrs

from runtime import sql, wire
from runtime.app import App
from runtime.child.context import JobContext, current
from runtime.child.ending import EXPIRED, Judge
from runtime.child.handler import Handler
from runtime.child.settings import ChildSettings
from runtime.errors import Interrupted
from runtime.job import ClaimedJob, KindInfo
from runtime.lifecycle import JobState
from runtime.outcome import Completed, Failed, Failure, Outcome
from runtime.testing.workflow_desk import WorkflowDesk
from runtime.workflow.suspend import ContinuedAsNew, Suspend

if TYPE_CHECKING:
    from runtime.testing.backstage import Backstage

T = TypeVar("T")

_LEASE_SECONDS = 3600.0  # a test may be stopped in a debugger
_AT_ONCE = 1000  # due jobs that are made available in one step


@attrs.frozen
class DrainedRun:
    """One run: its job's state after it, and what the handler raised, if it did."""

    id: UUID
    kind: str
    state: JobState
    error: BaseException | None = attrs.field(default=None, eq=False)


@attrs.frozen
class Drained:
    """What `drain` has run, in order."""

    runs: tuple[DrainedRun, ...]

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def completed(self) -> int:
        """Runs that completed their job."""
        return self.ended(JobState.COMPLETED)

    @property
    def retryable(self) -> int:
        """Runs that failed, whose jobs are to be run again."""
        return self.ended(JobState.RETRYABLE)

    @property
    def discarded(self) -> int:
        """Runs with which their job was given up."""
        return self.ended(JobState.DISCARDED)

    @property
    def snoozed(self) -> int:
        """Runs that asked to be run again later."""
        return self.ended(JobState.SCHEDULED)

    @property
    def cancelled(self) -> int:
        """Runs with which their job was cancelled."""
        return self.ended(JobState.CANCELLED)

    def ended(self, state: JobState) -> int:
        """Runs after which their job was in this state."""
        return sum(run.state is state for run in self.runs)


def drain(
    app: App,
    url: str,
    queue: str | Iterable[str] | None = None,
    *,
    with_scheduled: bool = False,
    with_retries: bool = False,
    raise_errors: bool = False,
    most: int = 1000,
) -> Drained:
    """Run what waits, and what that enqueues, until nothing is left.

    Args: queue: one, or some; None: all. with_scheduled: also what is scheduled for later, whenever
    that is; what snoozes stays. with_retries: also what has failed, without waiting.
    raise_errors: raise what a handler raises, once it is written. most: runs; more are a loop.
    Raises: AssertionError, if there is no end; UsageError, StoreUnavailable, SchemaError.
    """
    from runtime.testing.backstage import Backstage

    again = [JobState.SCHEDULED.value] if with_scheduled else []
    again += [JobState.RETRYABLE.value] if with_retries else []
    queues = None if queue is None else [queue] if isinstance(queue, str) else list(queue)
    with Backstage(url, app.namespace) as stage:
        return _Drain(app, stage, queues, again, raise_errors, most).run()


@attrs.define
class _Drain:
    app: App
    stage: Backstage
    queues: list[str] | None
    again: Sequence[str]
    raise_errors: bool
    most: int
    _runs: list[DrainedRun] = attrs.field(factory=list, init=False)

    def run(self) -> Drained:
        node_id = self.stage.join(self.queues or ["*"], _LEASE_SECONDS)
        try:
            while jobs := self._claim(node_id) or self._woken(node_id):
                for job in jobs:
                    self._runs.append(self._run(job))
            return Drained(tuple(self._runs))
        finally:
            self.stage.call(self.stage.store.leave, node_id)

    def _claim(self, node_id: int) -> list[ClaimedJob]:
        """One job of each queue."""
        if len(self._runs) >= self.most:
            last = ", ".join(f"{run.kind} {run.state.value}" for run in self._runs[-5:])
            raise AssertionError(f"not drained after {len(self._runs)} runs; the last: {last}")
        if self.again:
            snoozed = [run.id for run in self._runs if run.state is JobState.SCHEDULED]
            self.stage.fetch(sql.load("test_due"), list(self.again), self.queues, snoozed)
        self.stage.call(self.stage.store.stage, _AT_ONCE)
        queues = self.queues
        if queues is None:
            queues = [row["queue"] for row in self.stage.fetch(sql.load("test_queues"))]
        return self.stage.claim(node_id, queues, tuple(self.app.handlers)) if queues else []

    def _woken(self, node_id: int) -> list[ClaimedJob]:
        """Workflows that were sent what they wait for, which nodes would hear of."""
        woken = self.stage.call(self.stage.store.sweep_waits, _AT_ONCE)
        return self._claim(node_id) if woken else []

    def _run(self, job: ClaimedJob) -> DrainedRun:
        handler = self.app.handlers[job.kind]
        desk = _Desk(self.app, self.stage, job, is_async=handler.is_async)
        if job.expires_seconds is not None and job.expires_seconds <= 0:
            return DrainedRun(job.id, job.kind, self.stage.ack(job, EXPIRED, handler.info()))
        outcome, error = _outcome(handler, frame_of(job), desk)
        if desk.completing:
            state = self._after_completing(job, outcome, handler.info())
        else:
            state = self.stage.ack(job, outcome, handler.info(), workflow=desk.asked)
        if error is not None and self.raise_errors:
            raise error
        return DrainedRun(job.id, job.kind, state, error)

    def _after_completing(self, job: ClaimedJob, outcome: Outcome, info: KindInfo) -> JobState:
        """The handler has completed its job in its own transaction, if that has committed."""
        standing = self.stage.call(self.stage.store.in_doubt, [(job.id, job.run_number)])
        if standing.held:
            raise AssertionError(
                f"{job.kind} job {job.id} was completed in a transaction that is still open"
            )
        if standing.completed:
            return JobState.COMPLETED
        if isinstance(outcome, Completed):
            outcome = Failed(Failure("NotCommitted", "its transaction was not committed"))
        return self.stage.ack(job, outcome, info)


class _Desk(WorkflowDesk):
    """What a child's loop does for a job; here there is no Worker to tell anything."""

    def __init__(self, app: App, stage: Backstage, job: ClaimedJob, *, is_async: bool) -> None:
        super().__init__(stage, job, is_async=is_async)
        self.stored_limit = app.limits.output_bytes
        self.completing = False
        self._app = app

    def handler(self, kind: str) -> Handler | None:
        return self._app.handlers.get(kind)

    def stop_reason(self, seq: int) -> str | None:
        return None

    def post(self, frame: wire.Noted | wire.Completing | wire.Asked) -> None:
        self.completing = self.completing or isinstance(frame, wire.Completing)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """What is left is told at the end."""

    def undisturbed(self, action: Callable[[], T], /) -> T:
        return action()


def frame_of(job: ClaimedJob) -> wire.Run:
    """What a child would be told of a claimed job."""
    return wire.Run(
        seq=1,
        epoch=0,
        id=job.id.bytes,
        run_number=job.run_number,
        kind=job.kind,
        queue=job.queue,
        args=job.args,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        metadata=job.metadata,
    )


def _outcome(
    handler: Handler, frame: wire.Run, desk: _Desk
) -> tuple[Outcome, BaseException | None]:
    judge = Judge(ChildSettings(output_limit_bytes=desk.stored_limit))
    job, context = JobContext(frame, desk), contextvars.copy_context()
    context.run(current.set, job)
    try:
        value = (_call_async if handler.is_async else _call)(context, handler, frame.args)
    except (Suspend, ContinuedAsNew) as error:
        return context.run(judge.of_error, handler, frame.attempt, error), None
    except (Exception, Interrupted) as error:
        return context.run(judge.of_error, handler, frame.attempt, error), error
    finally:
        job.end()
    return context.run(judge.of_value, handler, value), None


def _call(context: contextvars.Context, handler: Handler, args: str) -> Any:
    return context.run(handler.call, args)


def _call_async(context: contextvars.Context, handler: Handler, args: str) -> Any:
    async def run() -> Any:
        return await handler.call(args)

    with concurrent.futures.ThreadPoolExecutor(1, f"headrace-drain-{os.getpid()}") as thread:
        return thread.submit(context.run, asyncio.run, run()).result()
