"""Every way to enqueue passes an app's middleware, whoever's connection it is on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
import msgspec
import psycopg
import trio

from runtime import App, Client, NewJob, TrioClient, enqueue_many

app = App()


@app.job
def greet(name: str) -> str:
    return name


@app.around_enqueue
def trace(job: NewJob, call: Callable[[NewJob], NewJob]) -> NewJob:
    return call(msgspec.structs.replace(job, metadata='{"trace":"t-1"}', queue="traced"))


async def under_trio(url: str) -> None:
    async with TrioClient(app, url) as client:
        await client.enqueue(greet, name="under trio")


async def under_asyncio(url: str) -> None:
    connection = await asyncpg.connect(url)
    await greet.enqueue(connection, name="under asyncio")
    await connection.close()


def test_every_way_to_enqueue_passes_the_middleware(url: str) -> None:
    with Client(app, url) as client:
        client.enqueue("greet", name="by kind")
        client.enqueue(greet, name="by handler")
        client.enqueue_many([greet.new_job(name="in bulk")])
    trio.run(under_trio, url)
    asyncio.run(under_asyncio(url))
    with psycopg.connect(url) as connection:
        greet.enqueue(connection, name="in a transaction")
        enqueue_many(connection, [greet.new_job(name="many")])
        rows = connection.execute("SELECT queue, metadata, args->>'name' FROM headrace.job")
        found = rows.fetchall()

    names = {"by kind", "by handler", "in bulk", "in a transaction", "many"}
    assert {name for _, _, name in found} == names | {"under trio", "under asyncio"}
    assert all((queue, data) == ("traced", {"trace": "t-1"}) for queue, data, _ in found)
