"""Behind a real PgBouncer in transaction mode: a node and each client, as the README says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import trio

from runtime import AsyncClient, Client, TrioClient
from runtime.job import NewJob
from scripts.campaigns.bouncer import MISSING, SERVER_CONNECTIONS, find, pooling
from tests.support.sessions import query
from tests.system import jobs
from tests.system.site import Site

pytestmark = pytest.mark.skipif(find() is None, reason=MISSING)

SECONDS = 30.0
MANY = 1_200  # so many are copied
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name IN ('headrace', 'headrace-client')"
)


@pytest.fixture
def through(site: Site) -> Iterator[str]:
    """The site's database, through a pooler; a node serves from it."""
    with pooling(site.url) as bouncer:
        url = bouncer.through(site.url)
        site.serve(jobs.__name__, url, pooler=True, poll_only=True, poll_seconds=0.2)
        yield url
        assert site.nodes[0].stop() == 0


def later() -> list[NewJob]:
    return [jobs.noop.with_options(delay=3600).new_job() for _ in range(MANY)]


def use_client(url: str) -> None:
    with Client(jobs.app, url, pooler=True) as client:
        handles = [client.enqueue(jobs.add, number, 1) for number in range(10)]
        assert [handle.result(timeout=SECONDS) for handle in handles] == list(range(1, 11))
        assert client.enqueue_many(later()).inserted == MANY
        waits = client.enqueue(jobs.noop.with_options(delay=3600))
        assert client.cancel(waits.id).state.value == "cancelled"


def use_async_client(url: str) -> None:
    asyncio.run(_use_async_client(url))


async def _use_async_client(url: str) -> None:
    async with AsyncClient(jobs.app, url, pooler=True) as client:
        handles = [await client.enqueue(jobs.add, number, 1) for number in range(10)]
        results = await asyncio.gather(*(handle.result(timeout=SECONDS) for handle in handles))
        assert results == list(range(1, 11))
        assert (await client.enqueue_many(later())).inserted == MANY


async def use_trio_client(url: str) -> None:
    async with TrioClient(jobs.app, url, pooler=True) as client:
        handles = [await client.enqueue(jobs.add, number, 1) for number in range(10)]
        assert [await each.result(timeout=SECONDS) for each in handles] == list(range(1, 11))
        assert (await client.enqueue_many(later())).inserted == MANY


async def test_a_node_and_every_client_share_a_few_connections(site: Site, through: str) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, use_client, through)
        nursery.start_soon(trio.to_thread.run_sync, use_async_client, through)
        nursery.start_soon(use_trio_client, through)
    assert site.states() == {"completed": 30, "scheduled": 3 * MANY, "cancelled": 1}
    ((count,),) = query(site.url, SESSIONS)
    assert 0 < count <= SERVER_CONNECTIONS
