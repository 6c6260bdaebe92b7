"""What is done on a caller's own connection: enqueue, enqueue many, and wait by looking.

Rules: sync connections are used at once, asyncio ones when the result is awaited; a single job is
checked before either. The caller's transaction decides whether the jobs exist.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Iterator
from typing import Any, TypeVar, overload
from uuid import UUID

import msgspec

from runtime.client.connections import AsyncConn, SyncConn, driver_of
from runtime.client.driver import AsyncDriver, Rows, SyncDriver
from runtime.client.entries import Chunk, Written, chunks, written_of
from runtime.client.failures import explained
from runtime.client.handle import AsyncConnHandle, BulkResult, ConnHandle, tally, total
from runtime.client.results import Patience, Progress, progress_of
from runtime.client.statements import enqueue_statement, statement
from runtime.errors import JobNotFound, JobNotUnique, UsageError
from runtime.handler_enqueue import Target
from runtime.handler_options import DEFAULT_NAMESPACE
from runtime.job import NewJob
from runtime.job_entry import as_json
from runtime.payload import DEFAULT_LIMITS, PayloadLimits

R = TypeVar("R")


def enqueue(
    conn: Any, target: Target[R], job: NewJob
) -> ConnHandle[R] | Awaitable[AsyncConnHandle[R]]:
    """See `Enqueuer.enqueue`."""
    driver = driver_of(conn)
    text = enqueue_statement(target.namespace, target.limits, driver.placeholder)
    if isinstance(driver, AsyncDriver):
        return _enqueue_async(driver, text, target, job)
    with explained(target.namespace):
        rows = driver.fetch(text, as_json([_kept(job)]))
    written = _settled(job, rows)
    return ConnHandle(
        written.id,
        written.inserted,
        target,
        duplicate=written.id != job.id,
        replaced=written.replaced,
    )


async def _enqueue_async(
    driver: AsyncDriver, text: str, target: Target[R], job: NewJob
) -> AsyncConnHandle[R]:
    with explained(target.namespace):
        rows = await driver.fetch(text, as_json([_kept(job)]))
    written = _settled(job, rows)
    return AsyncConnHandle(
        written.id,
        written.inserted,
        target,
        duplicate=written.id != job.id,
        replaced=written.replaced,
    )


def _kept(job: NewJob) -> NewJob:
    """A job that is to fail if another is the same: asked for without an error.

    An error of the database would end the caller's transaction; ours, raised afterwards, does not.
    """
    return msgspec.structs.replace(job, on_conflict="keep") if job.on_conflict == "fail" else job


def _settled(job: NewJob, rows: Rows) -> Written:
    (written,) = written_of(rows)
    if job.on_conflict == "fail" and written.id != job.id:
        raise JobNotUnique(written.id)
    return written


@overload
def enqueue_many(
    conn: AsyncConn,
    jobs: Iterable[NewJob],
    *,
    namespace: str = ...,
    limits: PayloadLimits = ...,
) -> Awaitable[BulkResult]: ...
@overload
def enqueue_many(
    conn: SyncConn, jobs: Iterable[NewJob], *, namespace: str = ..., limits: PayloadLimits = ...
) -> BulkResult: ...
def enqueue_many(
    conn: Any,
    jobs: Iterable[NewJob],
    *,
    namespace: str = DEFAULT_NAMESPACE,
    limits: PayloadLimits = DEFAULT_LIMITS,
) -> Any:
    """Write many jobs on the caller's own connection, all or none; an async one: awaitable.

    Jobs are made with `handler.new_job(...)` and consumed as they are sent. They exist if and only
    if the caller's transaction commits; where there is none, they are written in one of their own.
    Raises: as `Enqueuer.enqueue`, with the job's index; nothing of the call is then written.
    """
    driver = driver_of(conn)
    text = enqueue_statement(namespace, limits, driver.placeholder)
    parts = chunks(jobs, limits)
    with explained(namespace):
        if isinstance(driver, AsyncDriver):
            return _many_async(driver, text, parts, namespace)
        first = next(parts)
        if first.last:
            return _send(driver, text, first, namespace)
        with driver.bracket():
            done = [_send(driver, text, first, namespace)]
            done += [_send(driver, text, part, namespace) for part in parts]
            return total(done)


async def _many_async(
    driver: AsyncDriver, text: str, parts: Iterator[Chunk], namespace: str
) -> BulkResult:
    with explained(namespace):
        first = next(parts)
        if first.last:
            return await _send_async(driver, text, first, namespace)
        async with driver.bracket():
            done = [await _send_async(driver, text, first, namespace)]
            done += [await _send_async(driver, text, part, namespace) for part in parts]
            return total(done)


def _send(driver: SyncDriver, text: str, part: Chunk, namespace: str) -> BulkResult:
    with part.counting(), explained(namespace):
        rows = driver.fetch(text, as_json(part.jobs)) if part.jobs else []
    return tally(part.jobs, written_of(rows))


async def _send_async(driver: AsyncDriver, text: str, part: Chunk, namespace: str) -> BulkResult:
    with part.counting(), explained(namespace):
        rows = await driver.fetch(text, as_json(part.jobs)) if part.jobs else []
    return tally(part.jobs, written_of(rows))


def await_end(conn: SyncConn, namespace: str, job_id: UUID, timeout: float | None) -> Progress:
    """Look until the job has a final state. Raises: ResultTimeout, JobNotFound."""
    driver = driver_of(conn)
    if not isinstance(driver, SyncDriver):
        raise UsageError(f"{conn!r} is async, and this job was enqueued on a sync connection")
    text = statement("results", namespace, driver.placeholder)
    patience = Patience(job_id, timeout)
    while True:
        with explained(namespace):
            progress = _only(job_id, driver.fetch(text, str(job_id)))
        if progress.state.final:
            return progress
        time.sleep(patience.pause())


async def await_end_async(
    conn: AsyncConn, namespace: str, job_id: UUID, timeout: float | None
) -> Progress:
    """As `await_end`."""
    driver = driver_of(conn)
    if not isinstance(driver, AsyncDriver):
        raise UsageError(f"{conn!r} is sync, and this job was enqueued on an async connection")
    text = statement("results", namespace, driver.placeholder)
    patience = Patience(job_id, timeout)
    while True:
        with explained(namespace):
            progress = _only(job_id, await driver.fetch(text, str(job_id)))
        if progress.state.final:
            return progress
        await asyncio.sleep(patience.pause())


def _only(job_id: UUID, rows: Rows) -> Progress:
    if not rows:
        raise JobNotFound(job_id)
    return progress_of(rows[0])
