"""The test kit on a real database: drain, time travel, and copies of a template."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from runtime import App, Discard, JobState, Snooze, constant, current_job, every
from runtime.errors import UsageError
from runtime.testing import Databases, Kit, travel_to
from tests.client.jobs import rows
from tests.support.postgres import DatabaseServer

app = App()
seen: list[object] = []


@app.job(backoff=constant(600), max_attempts=3)
def fails(times: int) -> int:
    if current_job().attempt <= times:
        raise ValueError(f"attempt {current_job().attempt}")
    return current_job().attempt


@app.job(queue="slow")
async def sleeps(seconds: float) -> float:
    await asyncio.sleep(seconds)
    seen.append(current_job().queue)
    return seconds


@app.job
def chooses(what: str) -> None:
    if what == "snooze":
        raise Snooze(600)
    raise Discard("no use")


@app.job
def spreads(url: str, levels: int) -> None:
    """Enqueue two of the next level."""
    if levels:
        with psycopg.connect(url) as conn:
            for _ in range(2):
                spreads.enqueue(conn, url=url, levels=levels - 1)


@app.job
def completes(url: str, commit: bool) -> str:
    with psycopg.connect(url) as conn:
        current_job().complete(conn, output="by itself")
        if not commit:
            conn.rollback()
    return "not the output"


@pytest.fixture
def kit(url: str) -> Iterator[Kit]:
    with Kit(url, app) as kit:
        yield kit


def test_what_waits_is_run_here_until_nothing_is_left(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(spreads, url=url, levels=2)
    kit.client.enqueue(sleeps, seconds=0.001)

    assert kit.drain("slow").completed == 1
    assert kit.drain().completed == 7
    assert len(kit.drain()) == 0
    assert kit.client.get(job.id).state is JobState.COMPLETED
    assert seen == ["slow"]


def test_every_ending_is_written_as_a_node_writes_it(kit: Kit) -> None:
    failed = kit.client.enqueue(fails, times=1)
    for what in ("snooze", "discard"):
        kit.client.enqueue(chooses, what=what)

    drained = kit.drain(with_scheduled=True)

    assert (drained.retryable, drained.snoozed, drained.discarded) == (1, 1, 1)
    assert {str(run.error) for run in drained.runs} >= {"attempt 1", "no use"}
    shown = kit.client.get(failed.id)
    assert shown.failures[0].message == "attempt 1"
    assert shown.attempted_at is not None
    assert shown.scheduled_at - shown.attempted_at > timedelta(minutes=8)  # the handler's backoff
    again = kit.drain(with_retries=True)
    assert [(run.kind, run.state) for run in again.runs] == [("fails", JobState.COMPLETED)]
    assert failed.result(timeout=20) == 2


def test_errors_can_be_raised_and_loops_are_found(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(fails, times=9)

    with pytest.raises(ValueError, match="attempt 1"):
        kit.drain(raise_errors=True)
    assert kit.client.get(job.id).state is JobState.RETRYABLE
    assert kit.drain(with_retries=True).discarded == 1
    kit.client.enqueue(spreads, url=url, levels=9)
    from runtime.testing import drain

    with pytest.raises(AssertionError, match="not drained after 5 runs"):
        drain(app, url, most=5)


def test_drain_works_whatever_loop_the_test_has(kit: Kit) -> None:
    async def in_asyncio() -> int:
        return kit.drain().completed

    kit.client.enqueue(sleeps, seconds=0)
    assert asyncio.run(in_asyncio()) == 1


async def test_drain_works_under_trio(kit: Kit) -> None:
    kit.client.enqueue(sleeps, seconds=0)
    assert kit.drain().completed == 1


def test_a_job_that_completes_itself_is_completed_by_its_commit_alone(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(completes, url=url, commit=True)
    lost = kit.client.enqueue(completes, url=url, commit=False)

    assert [run.state for run in kit.drain().runs] == [JobState.COMPLETED, JobState.RETRYABLE]
    assert job.result(timeout=20) == "by itself"
    assert kit.client.get(lost.id).failures[0].error_class == "NotCommitted"


def test_what_was_committed_is_found(kit: Kit) -> None:
    kit.client.enqueue(fails, times=3)

    assert kit.assert_enqueued(fails, times=3)[0].args == {"times": 3}
    kit.refute_enqueued(fails, times=4)
    with pytest.raises(AssertionError, match="no fails job"):
        kit.assert_enqueued(fails, times=4)


def test_time_passes_for_all_that_is_written(kit: Kit, url: str) -> None:
    kit.client.enqueue(fails.with_options(delay=timedelta(days=2)), times=0)
    kit.client.enqueue(fails.with_options(expires_in=3600, delay=60), times=1)

    assert len(kit.drain()) == 0
    kit.advance(hours=2)
    assert [run.state for run in kit.drain().runs] == [JobState.DISCARDED]  # it has expired
    kit.advance(days=2)
    assert kit.drain().completed == 1


def test_travel_to_makes_due_what_is_set_for_then(kit: Kit, url: str) -> None:
    then = datetime.now(UTC) + timedelta(days=30)
    kit.client.enqueue(fails.with_options(scheduled_at=then), times=0)
    kit.client.enqueue(fails.with_options(scheduled_at=then + timedelta(minutes=5)), times=0)

    assert timedelta(days=29) < kit.travel_to(then) < timedelta(days=31)
    assert kit.drain().completed == 1
    kit.advance(minutes=5)
    assert kit.drain().completed == 1
    with pytest.raises(UsageError, match="has passed"):
        kit.travel_to(then - timedelta(days=60))
    with pytest.raises(UsageError, match="time zone"):
        travel_to(url, datetime(2030, 1, 1))  # noqa: DTZ001, RUF100
    with pytest.raises(UsageError):
        kit.advance(hours=-1)


def test_schedules_travel_too(kit: Kit, url: str) -> None:
    kit.client.schedules.create("nightly", every(3600), fails, times=0)
    rows(url, "UPDATE headrace.schedule SET next_at = now() + interval '1 hour' RETURNING name")

    kit.advance(hours=1)

    assert rows(url, "SELECT next_at <= now() FROM headrace.schedule") == [(True,)]
    kit.client.schedules.delete("nightly")


def test_databases_are_copies_of_a_template_that_all_share(postgres_server: DatabaseServer) -> None:
    one, other = (Databases(postgres_server.url) for _ in range(2))
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(Databases.create, [one, other])
    empty = one.create(migrated=False)

    assert one.template == other.template
    assert rows(first, "INSERT INTO headrace.queue (name) VALUES ('q') RETURNING name")
    assert rows(second, "SELECT count(*) FROM headrace.queue") == [(0,)]
    with psycopg.connect(empty) as conn, pytest.raises(psycopg.errors.UndefinedTable):
        conn.execute("SELECT FROM headrace.job")
    for url in (first, second, empty):
        one.drop(url)
    look = "SELECT count(*) FROM pg_database WHERE datname = %s"
    assert rows(postgres_server.url, look, first.partition("?")[0].rpartition("/")[2]) == [(0,)]
    assert "headrace-client" not in {thread.name for thread in threading.enumerate()}
