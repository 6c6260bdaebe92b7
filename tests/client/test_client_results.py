"""Waiting for results: what a waiter learns, how soon, and at whose cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from runtime import Client
from runtime.client import waiting
from runtime.errors import (
    JobFailed,
    JobNotFound,
    OutputInvalid,
    ResultTimeout,
    StoreUnavailable,
)
from runtime.lifecycle import JobState
from tests.client.jobs import app, listening, rows, thumbnail
from tests.client.node import NodeByHand, node_by_hand
from tests.support.postgres import wait_until


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(app, url) as client:
        yield client


@pytest.fixture
def node(url: str) -> Iterator[NodeByHand]:
    with node_by_hand(url) as node:
        yield node


def test_a_waiter_learns_of_the_end_within_50_ms(
    client: Client, node: NodeByHand, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.enqueue(thumbnail, path="first")
    client.result(node.do("thumbnail"))  # somebody has waited: the client begins to listen
    wait_until(lambda: listening(url))
    monkeypatch.setattr(waiting, "FIRST_PAUSE_SECONDS", 60.0)  # from here on it must be told
    monkeypatch.setattr(waiting, "LAST_PAUSE_SECONDS", 60.0)
    with ThreadPoolExecutor(1) as pool:
        delays = [_delay(client, node, pool) for _ in range(11)]

    assert sorted(delays)[5] < 0.05


def _delay(client: Client, node: NodeByHand, pool: ThreadPoolExecutor) -> float:
    """Seconds from a job's end to its waiter's knowing."""
    handle = client.enqueue(thumbnail, path="x")
    ended = pool.submit(lambda: (handle.result(timeout=20), time.monotonic()))
    wait_until(lambda: node.waited_for(handle.id))
    run = node.claim("thumbnail")
    before = time.monotonic()
    node.complete(run, '{"path":"x","width":1}')
    return ended.result()[1] - before


def test_an_ack_in_flight_when_the_waiting_begins_is_not_missed(
    client: Client, node: NodeByHand, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LAST_PAUSE_SECONDS", 60.0)
    client.enqueue(thumbnail, path="first")
    client.result(node.do("thumbnail"))
    wait_until(lambda: listening(url))
    handle = client.enqueue(thumbnail, path="x")
    run = node.claim("thumbnail")
    with ThreadPoolExecutor(1) as pool:
        with node.conn.transaction():
            node.complete(run, '{"path":"x","width":1}')  # it looked for waiters: there were none
            ended = pool.submit(handle.result, timeout=20)
            wait_until(lambda: rows(url, "SELECT FROM headrace.waiter WHERE job_id = %s", run[0]))
        assert ended.result().width == 1


def test_nobody_is_told_of_jobs_that_nobody_waits_for(url: str, node: NodeByHand) -> None:
    with Client(app, url) as client:
        client.enqueue(thumbnail, path="a")
        node.conn.execute('LISTEN "headrace.finished"')
        node.do("thumbnail")
        assert list(node.conn.notifies(timeout=0.1)) == []


def test_many_wait_at_once_on_one_listening_connection(
    client: Client, node: NodeByHand, url: str
) -> None:
    handles = [client.enqueue(thumbnail, path=str(number)) for number in range(40)]
    with ThreadPoolExecutor(40) as pool:
        results = [pool.submit(handle.result, timeout=20) for handle in handles]
        wait_until(lambda: all(node.waited_for(handle.id) for handle in handles))
        for number in range(40):
            node.do("thumbnail", f'{{"path":"p","width":{number}}}')

        assert sorted(result.result().width for result in results) == list(range(40))
    listening = rows(
        url,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE 'LISTEN%%'",
    )
    assert listening[0][0] <= 1


def test_time_runs_out_for_the_waiter_and_not_for_the_job(client: Client) -> None:
    handle = client.enqueue(thumbnail, path="a")

    with pytest.raises(ResultTimeout, match="it goes on"):
        handle.result(timeout=0.05)
    assert client.get(handle.id).state is JobState.AVAILABLE
    with pytest.raises(JobNotFound):
        client.result(uuid4(), timeout=5)


def test_a_job_that_is_deleted_while_awaited_is_told(client: Client, url: str) -> None:
    handle = client.enqueue(thumbnail, path="a")
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(handle.result, timeout=10)
        wait_until(lambda: rows(url, "SELECT FROM headrace.waiter"))
        rows(url, "DELETE FROM headrace.job RETURNING id")
        with pytest.raises(JobNotFound):
            ended.result()


def test_an_output_that_is_not_as_annotated_is_told(client: Client, node: NodeByHand) -> None:
    handle = client.enqueue(thumbnail, path="a")
    node.do("thumbnail", '{"path":7}')

    with pytest.raises(OutputInvalid, match="output of thumbnail"):
        handle.result(timeout=5)


def test_whoever_waits_when_the_client_closes_is_told(url: str) -> None:
    client = Client(app, url)
    handle = client.enqueue(thumbnail, path="a")
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(handle.result)
        wait_until(lambda: rows(url, "SELECT FROM headrace.waiter"))
        client.close()
        with pytest.raises(StoreUnavailable, match="closing"):
            ended.result()


def test_who_waits_for_a_cancelled_job_is_told_the_reason(url: str) -> None:
    with Client(app, url) as client:
        job = client.enqueue(thumbnail, path="a")
        assert client.cancel(job.id, "no use").cancel_reason == "no use"
        assert client.cancel(job.id, "another").cancel_reason == "no use"
        with pytest.raises(JobFailed, match="was cancelled; last failure: JobCancelled: no use"):
            job.result(timeout=20)
        assert client.retry(job.id).cancel_reason is None
