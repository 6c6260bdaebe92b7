"""A handler completes its job on its own connection, of any library."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest

from runtime import Client
from runtime.client.completion import Completion, complete
from runtime.errors import JobCancelled, JobLost
from tests.client.jobs import rows, seen, thumbnail
from tests.client.libraries import ASYNC, SYNC, awaited
from tests.client.node import NodeByHand, node_by_hand

LOOK = "SELECT state::text, output, run_number, node_id, wall_seconds FROM headrace.job"


def begun(url: str, node: NodeByHand) -> Completion:
    """A job that runs, and its completion."""
    with Client(url=url) as client:
        client.enqueue(thumbnail, path="a")
    job_id, run_number = node.claim("thumbnail")
    return Completion("headrace", job_id, run_number, '{"width": 1}', 0.5)


@pytest.mark.parametrize("library", SYNC)
def test_the_job_is_completed_when_the_handler_commits(library: str, url: str) -> None:
    with node_by_hand(url) as node, SYNC[library](url) as caller:
        run = begun(url, node)

        complete(caller.conn, run)
        assert [row[0] for row in rows(url, LOOK)] == ["running"]
        caller.rollback()
        assert [row[0] for row in rows(url, LOOK)] == ["running"]
        complete(caller.conn, run)
        caller.commit()

        assert rows(url, LOOK) == [("completed", {"width": 1}, 1, None, 0.5)]
        with pytest.raises(JobLost, match="it is completed already"):
            complete(caller.conn, run)


@pytest.mark.parametrize("library", ASYNC)
def test_and_so_it_is_in_asyncio(library: str, url: str) -> None:
    async def main() -> None:
        async with ASYNC[library](url) as caller:
            answer = complete(caller.conn, run)
            assert answer is not None
            await answer
            assert [row[0] for row in rows(url, LOOK)] == ["running"]
            await awaited(caller.commit())

    with node_by_hand(url) as node:
        run = begun(url, node)
        asyncio.run(main())

    assert [row[:2] for row in rows(url, LOOK)] == [("completed", {"width": 1})]


def test_a_run_that_lost_its_job_cannot_complete_it(url: str) -> None:
    with node_by_hand(url) as node, psycopg.connect(url) as conn:
        run = begun(url, node)
        conn.execute("UPDATE headrace.job SET run_number = 2")
        conn.commit()

        with pytest.raises(JobLost, match="it is running, in its run 2") as lost:
            complete(conn, run)
        assert (lost.value.job_id, lost.value.run_number) == (run.job_id, 1)
        with pytest.raises(JobLost, match="there is no such job"):
            complete(conn, Completion("headrace", uuid4(), 1, None))
        conn.rollback()

    assert [row[:3] for row in rows(url, LOOK)] == [("running", None, 2)]


def test_a_cancelled_run_cannot_complete_its_job(url: str) -> None:
    with node_by_hand(url) as node, psycopg.connect(url) as conn, Client(url=url) as client:
        run = begun(url, node)
        client.cancel(run.job_id)

        with pytest.raises(JobCancelled):
            complete(conn, run)
        conn.rollback()

    assert [row[0] for row in rows(url, LOOK)] == ["running"]


def test_a_waiter_learns_of_it_at_the_commit(url: str) -> None:
    def results(client: Client, job_id: UUID) -> object:
        return client.result(job_id, timeout=20)

    with node_by_hand(url) as node, psycopg.connect(url) as conn, Client(url=url) as client:
        run = begun(url, node)
        complete(conn, run)

        async def main() -> object:
            waiting = asyncio.create_task(asyncio.to_thread(results, client, run.job_id))
            await seen(lambda: node.waited_for(run.job_id))
            conn.commit()
            return await waiting

        assert asyncio.run(main()) == {"width": 1}
