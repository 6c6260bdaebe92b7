"""Read by mypy alone: what type checkers tell a user of handlers and clients.

A line with an ignore comment is an error that must be found: an unused ignore fails the check.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type
from uuid import UUID

import psycopg
import sqlalchemy
import sqlalchemy.ext.asyncio
import sqlalchemy.orm

from runtime import (
    App,
    AsyncClient,
    Backoff,
    Batch,
    BatchJob,
    Client,
    Kind,
    TrioClient,
    enqueue_many,
    injected,
)
from runtime.client.handle import (
    AsyncClientHandle,
    AsyncConnHandle,
    BulkResult,
    ClientHandle,
    ConnHandle,
)
from runtime.handler import AsyncHandler, SyncHandler
from runtime.handler_batch import SyncBatchHandler
from runtime.job import Job, NewJob
from runtime.testing import assert_enqueued, perform

app = App()


@app.job
def resize(path: str, width: int = 256) -> bytes:
    return path.encode() * width


@app.job(kind="mail.send", timeout=timedelta(seconds=3), backoff=Backoff(base_seconds=2))
async def send(to: str) -> list[str]:
    return [to]


@app.job(backoff=lambda attempt, error: attempt * 2.0)
def silent() -> None: ...


class Model:
    """A resource."""


@dataclass
class Page:
    url: str


@app.job
def render(url: str, *, model: Model = injected) -> bytes:
    return url.encode()


@app.job(batch=Batch(max_jobs=3))
def index(jobs: list[BatchJob[Page]], *, model: Model = injected) -> list[int]:
    return [1 for _ in jobs]


@app.job(batch=Batch(), kind="drop", queue="q")
async def drop(jobs: list[BatchJob[Page]]) -> None:
    jobs[0].complete()


def with_resources_and_batches(client: Client, connection: psycopg.Connection[Any]) -> None:
    render.new_job("a")
    render(url="a", model=Model())
    assert_type(index, SyncBatchHandler[Page, int])
    assert_type(client.enqueue(index, Page("a")), ClientHandle[int])
    assert_type(index.enqueue(connection, Page("a")), ConnHandle[int])
    assert_type(client.enqueue(drop.with_options(delay=3), Page("a")), ClientHandle[Any])
    render.new_job()  # type: ignore[call-arg]
    index.new_job("a")  # type: ignore[arg-type]
    index.new_job()  # type: ignore[call-arg]


def handlers() -> None:
    assert_type(resize("a"), bytes)
    resize(path=1)  # type: ignore[arg-type]
    resize()  # type: ignore[call-arg]
    assert_type(silent, SyncHandler[[], None])
    handler: AsyncHandler[[str], list[str]] = send
    handler.prepare()
    app.job(queue=7)  # type: ignore[call-overload]


async def async_handlers() -> None:
    assert_type(await send("a"), list[str])
    await send(1)  # type: ignore[arg-type]


def new_jobs() -> None:
    assert_type(resize.new_job("a", width=3), NewJob)
    resize.new_job("a", hight=3)  # type: ignore[call-arg]
    resize.new_job("a", width="3")  # type: ignore[arg-type]
    resize.with_options(delay=3, tags=["x"]).new_job()  # type: ignore[call-arg]
    resize.with_options(delay="3")  # type: ignore[arg-type]
    resize.with_options(colour="red")  # type: ignore[call-arg]
    Kind("any").new_job(anything=1)


def on_sync_connections(
    connection: psycopg.Connection[Any],
    cursor: psycopg.Cursor[dict[str, Any]],
    core: sqlalchemy.Connection,
    session: sqlalchemy.orm.Session,
) -> None:
    assert_type(resize.enqueue(connection, path="a"), ConnHandle[bytes])
    assert_type(resize.enqueue(cursor, path="a"), ConnHandle[bytes])
    assert_type(resize.enqueue(core, path="a"), ConnHandle[bytes])
    assert_type(resize.enqueue(session, path="a"), ConnHandle[bytes])
    assert_type(send.enqueue(session, "a"), ConnHandle[list[str]])
    assert_type(resize.with_options(priority=2).enqueue(core, "a"), ConnHandle[bytes])
    assert_type(resize.enqueue(core, "a").result(core, timeout=3), bytes)
    assert_type(enqueue_many(session, [resize.new_job("a")]), BulkResult)
    assert_type(app.enqueue_many(session, [resize.new_job("a")]), BulkResult)
    assert_enqueued(connection, resize, path="a")
    resize.enqueue(connection, hight=1)  # type: ignore[call-overload]
    resize.enqueue(connection)  # type: ignore[call-overload]
    resize.enqueue(connection, path=1)  # type: ignore[call-overload]
    resize.enqueue("postgresql://", path="a")  # type: ignore[call-overload]


async def on_async_connections(
    connection: psycopg.AsyncConnection[Any],
    core: sqlalchemy.ext.asyncio.AsyncConnection,
    session: sqlalchemy.ext.asyncio.AsyncSession,
) -> None:
    assert_type(await resize.enqueue(connection, path="a"), AsyncConnHandle[bytes])
    assert_type(await resize.enqueue(core, path="a"), AsyncConnHandle[bytes])
    assert_type(await send.enqueue(session, "a"), AsyncConnHandle[list[str]])
    assert_type(await (await send.enqueue(core, "a")).result(core), list[str])
    assert_type(await enqueue_many(session, []), BulkResult)
    await resize.enqueue(connection, hight=1)  # type: ignore[call-overload]
    await resize.enqueue(session, path=1)  # type: ignore[call-overload]


def sync_client(client: Client, job_id: UUID) -> None:
    handle = client.enqueue(resize, "a", width=3)
    assert_type(handle, ClientHandle[bytes])
    assert_type(handle.result(timeout=3), bytes)
    assert_type(client.result(handle), bytes)
    assert_type(client.enqueue(send.with_options(delay=1), to="a"), ClientHandle[list[str]])
    assert_type(client.enqueue("mail.send", to="a"), ClientHandle[Any])
    assert_type(client.enqueue_many([resize.new_job("a")]), BulkResult)
    assert_type(client.get(job_id), Job)
    client.enqueue(resize)  # type: ignore[call-overload]
    client.enqueue(resize, "a", width="3")  # type: ignore[arg-type]
    client.enqueue(send, hight=3)  # type: ignore[call-overload]


async def async_clients(client: AsyncClient, other: TrioClient) -> None:
    handle = await client.enqueue(resize, "a", width=3)
    assert_type(handle, AsyncClientHandle[bytes])
    assert_type(await handle.result(), bytes)
    assert_type(await (await other.enqueue(send, to="a")).result(), list[str])
    await client.enqueue(resize)  # type: ignore[call-overload]
    await other.enqueue(send, hight=3)  # type: ignore[call-overload]


async def testing() -> None:
    assert_type(perform(resize, "a"), bytes)
    assert_type(await perform(send, "a"), list[str])
    perform(resize)  # type: ignore[call-overload]
