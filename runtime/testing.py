"""For the tests of programs that use Headrace: run a handler here, see what was enqueued.

`perform` takes a handler's args and output the way that a job's would go, through JSON and the
payload guard, so that a test meets what a node would meet. `assert_enqueued` and `refute_enqueued`
look through the test's own connection: they see what its transaction has enqueued, and nobody needs
to commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ParamSpec, TypeVar, overload
from uuid import UUID

import attrs
import msgspec

from runtime import payload
from runtime.child.context import JobContext, current
from runtime.client.connections import AsyncConn, SyncConn, driver_of
from runtime.client.driver import AsyncDriver, Rows
from runtime.client.failures import explained
from runtime.client.statements import statement
from runtime.errors import UsageError
from runtime.handler import AsyncHandler, Handler, SyncHandler
from runtime.handler_enqueue import Enqueuer, Kind, Target
from runtime.job import NewJob
from runtime.lifecycle import JobState
from runtime.wire import Run

P = ParamSpec("P")
R = TypeVar("R")
What = Enqueuer[..., Any] | str

_Args = Mapping[str, Any]
_Judge = Callable[[str, _Args, Rows], Any]
_SHOWN = 5  # jobs that a failed assertion shows


@attrs.frozen
class Enqueued:
    """A job that was found."""

    id: UUID
    state: JobState
    queue: str
    priority: int
    scheduled_at: datetime
    args: Mapping[str, Any]


@overload
def perform(
    handler: AsyncHandler[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, R]: ...
@overload
def perform(handler: SyncHandler[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
@overload
def perform(handler: Enqueuer[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Any: ...
def perform(handler: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Run a handler in this process, once, as a job would be; an async one: awaitable.

    Takes a handler, or one `with_options`. `current_job()` works inside. Returns the output as a
    reader gets it. Raises: what the handler raises, Snooze and the like too; ArgsInvalid,
    PayloadInvalid, PayloadTooLarge (of args and output), OutputInvalid.
    """
    target = handler.target if isinstance(handler, Enqueuer) else None
    if not isinstance(target, Handler):
        raise UsageError(f"perform takes a handler, not {handler!r}")
    job = handler.new_job(*args, **kwargs)
    if target.is_async:
        return _perform_async(target, job)
    with _running(job):
        return _read_back(target, target.call(job.args))


async def _perform_async(handler: Handler[..., R], job: NewJob) -> R:
    with _running(job):
        return _read_back(handler, await handler.call(job.args))


def _read_back(handler: Handler[..., R], output: Any) -> R:
    text = handler.encode_output(output)
    if text is not None:
        payload.check_size("output", text, handler.limits)
    return handler.decode_output(text)


@contextmanager
def _running(job: NewJob) -> Iterator[None]:
    """`current_job()` tells of this job inside the block."""
    frame = Run(
        seq=1,
        epoch=0,
        id=job.id.bytes,
        run_number=1,
        kind=job.kind,
        queue=job.queue,
        args=job.args,
        attempt=1,
        max_attempts=job.max_attempts,
        metadata=job.metadata,
    )
    token = current.set(JobContext(frame))
    try:
        yield
    finally:
        current.reset(token)


@overload
def assert_enqueued(
    conn: AsyncConn, what: What, /, **partial_args: Any
) -> Awaitable[list[Enqueued]]: ...
@overload
def assert_enqueued(conn: SyncConn, what: What, /, **partial_args: Any) -> list[Enqueued]: ...
def assert_enqueued(conn: Any, what: What, /, **partial_args: Any) -> Any:
    """Fail unless a job of this kind exists whose args have these values. Returns all such jobs.

    `what` is a handler or the name of a kind. An async connection makes this awaitable.
    """
    return _look(conn, what, partial_args, _expect_some)


@overload
def refute_enqueued(conn: AsyncConn, what: What, /, **partial_args: Any) -> Awaitable[None]: ...
@overload
def refute_enqueued(conn: SyncConn, what: What, /, **partial_args: Any) -> None: ...
def refute_enqueued(conn: Any, what: What, /, **partial_args: Any) -> Any:
    """Fail if a job of this kind exists whose args have these values; else as `assert_enqueued`."""
    return _look(conn, what, partial_args, _expect_none)


def _look(conn: Any, what: What, partial_args: Mapping[str, Any], judge: _Judge) -> Any:
    target = (Kind(what) if isinstance(what, str) else what).target
    wanted = msgspec.json.decode(payload.encode("args", partial_args))
    driver = driver_of(conn)
    text = statement("enqueued", target.namespace, driver.placeholder)
    if isinstance(driver, AsyncDriver):
        return _look_async(driver, text, target, wanted, judge)
    with explained(target.namespace):
        return judge(target.kind, wanted, driver.fetch(text, target.kind))


async def _look_async(
    driver: AsyncDriver, text: str, target: Target[Any], wanted: _Args, judge: _Judge
) -> Any:
    with explained(target.namespace):
        rows = await driver.fetch(text, target.kind)
    return judge(target.kind, wanted, rows)


def _expect_some(kind: str, wanted: _Args, rows: Rows) -> list[Enqueued]:
    jobs = [_enqueued(row) for row in rows]
    found = _matching(jobs, wanted)
    if not found:
        raise AssertionError(f"no {kind} job with {wanted!r} was enqueued; {_shown(kind, jobs)}")
    return found


def _expect_none(kind: str, wanted: _Args, rows: Rows) -> None:
    found = _matching([_enqueued(row) for row in rows], wanted)
    if found:
        raise AssertionError(f"a {kind} job with {wanted!r} was enqueued; {_shown(kind, found)}")


def _matching(jobs: list[Enqueued], wanted: _Args) -> list[Enqueued]:
    return [
        job
        for job in jobs
        if all(name in job.args and job.args[name] == value for name, value in wanted.items())
    ]


def _enqueued(row: Sequence[Any]) -> Enqueued:
    job_id, state, queue, priority, scheduled_at, args = row
    decoded = msgspec.json.decode(args)
    return Enqueued(UUID(job_id), JobState(state), queue, priority, scheduled_at, decoded)


def _shown(kind: str, jobs: list[Enqueued]) -> str:
    if not jobs:
        return f"there is no {kind} job at all"
    lines = [f"{job.id} {job.state.value} {job.args!r}" for job in jobs[:_SHOWN]]
    more = f"\n  and {len(jobs) - _SHOWN} more" if len(jobs) > _SHOWN else ""
    return f"{kind} jobs:\n  " + "\n  ".join(lines) + more
