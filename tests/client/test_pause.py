"""Jobs held back, and cancelled, by clients and in SQL, on real tables."""

from __future__ import annotations

import asyncio
from uuid import UUID

import psycopg
import pytest
import trio

from runtime import App, AsyncClient, Client, TrioClient
from runtime.errors import JobNotFound
from runtime.ids import uuid7
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState
from tests.client.jobs import app, thumbnail

PENDING, AVAILABLE = JobState.PENDING, JobState.AVAILABLE
unique_app = App("unique")


@unique_app.job(unique=True)
def once(path: str) -> None:
    """One of each path at a time."""


@unique_app.job(sequence=True, key="path")
def in_turn(path: str, number: int) -> None:
    """One after the other."""


def test_a_paused_job_is_pending_until_it_is_resumed(url: str) -> None:
    with Client(app, url) as client:
        job = client.enqueue(thumbnail, path="a")
        paused = client.pause_job(job.id)
        assert (paused.state, client.get(job.id).paused_at) == (PENDING, paused.paused_at)
        assert client.retry(job.id).state is PENDING
        assert client.jobs.count(JobFilter(paused=True))[PENDING] == 1
        assert client.resume_job(job.id).state is AVAILABLE
        assert client.cancel(job.id).state is JobState.CANCELLED
        assert client.pause_job(job.id).paused_at is None
        for change in (client.pause_job, client.resume_job):
            with pytest.raises(JobNotFound):
                change(uuid7())


def test_in_sql_it_is_part_of_the_callers_transaction(url: str) -> None:
    with Client(app, url) as client, psycopg.connect(url) as conn:
        job = client.enqueue(thumbnail, path="a")
        for function, state in (("pause_jobs", PENDING), ("resume_jobs", AVAILABLE)):
            conn.execute(f"SELECT headrace.{function}(ARRAY[%s])", [job.id])
            assert client.get(job.id).state is not state
            conn.commit()
            assert client.get(job.id).state is state
        conn.execute("SELECT headrace.cancel_jobs(ARRAY[%s], 'why')", [job.id])
        conn.commit()
        assert client.get(job.id).cancel_reason == "why"


def test_a_paused_job_holds_its_unique_key(url: str) -> None:
    with Client(unique_app, url) as client:
        held = client.enqueue(once, path="a")
        client.pause_job(held.id)
        assert not client.enqueue(once, path="a").inserted
        assert client.resume_job(held.id).state is AVAILABLE


def test_a_paused_job_of_a_sequence_holds_back_those_behind_it(url: str) -> None:
    def states(client: Client, *ids: UUID) -> list[str]:
        return [client.get(job_id).state.value for job_id in ids]

    with Client(unique_app, url) as client:
        ids = [client.enqueue(in_turn, path="a", number=number).id for number in range(2)]
        assert states(client, *ids) == ["available", "pending"]
        client.pause_job(ids[0])
        client.pause_job(ids[1])
        client.resume_job(ids[1])
        assert states(client, *ids) == ["pending", "pending"]
        client.resume_job(ids[0])
        assert states(client, *ids) == ["available", "pending"]
        client.cancel(ids[0])
        assert states(client, *ids) == ["cancelled", "available"]


def test_a_fork_of_a_workflow_that_was_cancelled_watches_for_itself(url: str) -> None:
    with Client(app, url) as client, psycopg.connect(url, autocommit=True) as conn:
        job = client.enqueue(thumbnail, path="a")
        for place, op in (("0.0.1", "signal"), ("1", "step"), ("2", "step")):
            conn.execute(
                "INSERT INTO headrace.step (job_id, place, op, name, done, run_number)"
                " VALUES (%s, %s, %s, 'any', true, 1)",
                (job.id, place, op),
            )
        fork = client.fork(job, 2)
        kept = conn.execute("SELECT place FROM headrace.step WHERE job_id = %s", [fork.id])
        assert kept.fetchall() == [("1",)]


async def the_same(client: AsyncClient | TrioClient) -> None:
    job = await client.enqueue(thumbnail, path="a")
    assert (await client.pause_job(job.id)).state is PENDING
    assert (await client.resume_job(job.id)).state is AVAILABLE
    assert (await client.jobs.pause(JobFilter(id=job.id))).changed == 1
    assert (await client.jobs.resume(JobFilter(paused=True))).changed == 1
    assert (await client.cancel(job.id, force=True)).state is JobState.CANCELLED


def test_under_asyncio(url: str) -> None:
    async def main() -> None:
        async with AsyncClient(app, url) as client:
            await the_same(client)

    asyncio.run(main())


async def test_under_trio(url: str) -> None:
    async with TrioClient(app, url) as client:
        with trio.fail_after(20):
            await the_same(client)


def test_a_paused_workflow_of_a_sequence_that_is_cancelled_cleans_up_when_resumed(url: str) -> None:
    """It waits for something that may never come, and holds its key."""
    with Client(unique_app, url) as client, psycopg.connect(url, autocommit=True) as conn:
        job = client.enqueue(in_turn, path="a", number=1)
        conn.execute(
            "UPDATE headrace.job SET state = 'scheduled', run_number = 1,"
            " scheduled_at = now() + interval '100 years'"
        )
        conn.execute(
            "INSERT INTO headrace.step (job_id, place, op, name, done, run_number)"
            " VALUES (%s, '0.0.1', 'signal', 'headrace.cancel', false, 1)",
            [job.id],
        )
        client.pause_job(job.id)
        assert client.cancel(job.id).state is PENDING
        client.resume_job(job.id)
        assert client.get(job.id).state is AVAILABLE
