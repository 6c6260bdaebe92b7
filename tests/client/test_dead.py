"""client.dead: dead letters are listed, retried and exported, on a real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import trio

from runtime import Client, TrioClient
from runtime.errors import UsageError
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState
from tests.client.jobs import app
from tests.client.test_jobs_group import add, job_id, numbers, states

_T = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def conn(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Five jobs that are dead, of two kinds, each with two failures; and two that are not."""
    with psycopg.connect(url, autocommit=True, options="-c search_path=headrace") as conn:
        for number in range(1, 6):
            kind = "a" if number % 2 else "b"
            ended = _T + timedelta(hours=6 - number)  # the one that was made last ended first
            columns = {"state": "discarded", "kind": kind, "finalized_at": ended, "crashes": 3}
            add(conn, number, **columns, attempt=2, run_number=2, max_attempts=2)
            for run, error in ((1, "OSError"), (2, "Quarantined")):
                conn.execute(
                    "INSERT INTO failure (job_id, run_number, attempt, error_class, message)"
                    " VALUES (%s, %s, %s, %s, 'why')",
                    [job_id(number), run, run, error],
                )
        add(conn, 6)
        add(conn, 7, state="completed")
        yield conn


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(app, url) as client:
        yield client


def test_they_are_listed_with_their_last_failure(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    page = client.dead.list(limit=3)

    assert numbers(page) == [1, 2, 3], "those that were discarded last first"
    assert [failure.error_class for job in page for failure in job.failures] == ["Quarantined"] * 3
    assert numbers(client.dead.list(cursor=page.cursor)) == [4, 5]
    assert numbers(client.dead.list(JobFilter(kind="b", error="quarant"))) == [2, 4]
    with pytest.raises(UsageError, match="discarded"):
        client.dead.list(JobFilter(state=JobState.COMPLETED))


def test_one_or_all_that_are_meant_are_retried_and_nothing_else(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    assert client.dead.retry(job_id(1)).changed == 1
    assert client.dead.retry(job_id(7)).met == 0, "it is not dead"
    assert client.dead.retry(JobFilter(kind="b"), dry_run=True).changed == 2
    assert client.dead.retry(JobFilter(kind="b")).changed == 2
    assert states(conn) == {
        1: "available",
        2: "available",
        3: "discarded",
        4: "available",
        5: "discarded",
        6: "available",
        7: "completed",
    }
    (row,) = conn.execute("SELECT crashes, max_attempts FROM job WHERE id = %s", [job_id(1)])
    assert row == (0, 3)
    assert client.dead.retry(JobFilter()).changed == 2


def test_an_export_is_resumed_at_the_cursor_of_any_line(
    client: Client, conn: psycopg.Connection[Any]
) -> None:
    letters = list(client.dead.export(page=2))

    assert numbers(letter.job for letter in letters) == [5, 4, 3, 2, 1]
    line = json.loads(letters[1].line())
    assert (line["id"], line["state"]) == (str(job_id(4)), "discarded")
    assert line["failures"][0]["error_class"] == "Quarantined"
    later = client.dead.export(cursor=line["cursor"], page=2)
    assert numbers(letter.job for letter in later) == [3, 2, 1]
    add(conn, 9, state="discarded")
    assert numbers(each.job for each in client.dead.export(cursor=letters[-1].cursor)) == [9]
    with pytest.raises(UsageError, match="cursor"):
        list(client.dead.export(cursor="yesterday"))


async def test_they_are_there_for_async_programs(url: str, conn: psycopg.Connection[Any]) -> None:
    with trio.fail_after(30):
        async with TrioClient(app, url) as client:
            assert numbers(await client.dead.list(limit=2)) == [1, 2]
            exported = [letter.job async for letter in client.dead.export(page=2)]
            assert numbers(exported) == [5, 4, 3, 2, 1]
            assert (await client.dead.retry(JobFilter(kind="a"))).changed == 3
