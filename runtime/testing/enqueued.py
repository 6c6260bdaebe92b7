"""`assert_enqueued` and `refute_enqueued`: what a test's code has enqueued.

They look through the test's own connection: they see what its transaction has enqueued, and nobody
needs to commit. Sealed args are opened with the handler's codec.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, overload
from uuid import UUID

import attrs
import msgspec

from runtime import payload
from runtime.client.connections import AsyncConn, SyncConn, driver_of
from runtime.client.driver import AsyncDriver, Rows
from runtime.client.failures import explained
from runtime.client.statements import statement
from runtime.handler_enqueue import Enqueuer, Kind, Target
from runtime.lifecycle import JobState

What = Enqueuer[..., Any] | str

_Args = Mapping[str, Any]
_Judge = Callable[[Target[Any], _Args, Rows], Any]
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
        return judge(target, wanted, driver.fetch(text, target.kind))


async def _look_async(
    driver: AsyncDriver, text: str, target: Target[Any], wanted: _Args, judge: _Judge
) -> Any:
    with explained(target.namespace):
        rows = await driver.fetch(text, target.kind)
    return judge(target, wanted, rows)


def _expect_some(target: Target[Any], wanted: _Args, rows: Rows) -> list[Enqueued]:
    kind, jobs = target.kind, [_enqueued(target, row) for row in rows]
    found = _matching(jobs, wanted)
    if not found:
        raise AssertionError(f"no {kind} job with {wanted!r} was enqueued; {_shown(kind, jobs)}")
    return found


def _expect_none(target: Target[Any], wanted: _Args, rows: Rows) -> None:
    kind = target.kind
    found = _matching([_enqueued(target, row) for row in rows], wanted)
    if found:
        raise AssertionError(f"a {kind} job with {wanted!r} was enqueued; {_shown(kind, found)}")


def _matching(jobs: list[Enqueued], wanted: _Args) -> list[Enqueued]:
    return [
        job
        for job in jobs
        if all(name in job.args and job.args[name] == value for name, value in wanted.items())
    ]


def _enqueued(target: Target[Any], row: Sequence[Any]) -> Enqueued:
    job_id, state, queue, priority, scheduled_at, args = row
    decoded = msgspec.json.decode(target.sealer.unseal("args", args, target.kind, UUID(job_id)))
    return Enqueued(UUID(job_id), JobState(state), queue, priority, scheduled_at, decoded)


def _shown(kind: str, jobs: list[Enqueued]) -> str:
    if not jobs:
        return f"there is no {kind} job at all"
    lines = [f"{job.id} {job.state.value} {job.args!r}" for job in jobs[:_SHOWN]]
    more = f"\n  and {len(jobs) - _SHOWN} more" if len(jobs) > _SHOWN else ""
    return f"{kind} jobs:\n  " + "\n  ".join(lines) + more
