"""Client: enqueue, look and wait from sync code, with a pool of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from runtime import App, Client
from runtime.client import bulk, entries, waiting
from runtime.errors import (
    ArgsInvalid,
    ConfigError,
    JobFailed,
    JobNotFound,
    OutputInvalid,
    ResultTimeout,
    SchemaNotMigrated,
    StoreUnavailable,
    UnknownKind,
    UsageError,
)
from runtime.job import NewJob
from runtime.lifecycle import JobState
from tests.client.jobs import (
    Picture,
    app,
    film,
    listening,
    other_app,
    paths,
    rows,
    thumbnail,
)
from tests.client.node import NodeByHand, node_by_hand
from tests.support.postgres import RestartableServer, wait_until


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(app, url) as client:
        yield client


@pytest.fixture
def node(url: str) -> Iterator[NodeByHand]:
    with node_by_hand(url) as node:
        yield node


def jobs(count: int) -> Iterator[NewJob]:
    return (thumbnail.new_job(path=f"{number:04}") for number in range(count))


def test_a_handler_is_enqueued_and_its_output_comes_back_typed(
    client: Client, node: NodeByHand
) -> None:
    handle = client.enqueue(thumbnail, "a.png", width=3)

    assert handle.inserted
    node.do("thumbnail", '{"path":"a.png","width":3}')
    assert handle.result(timeout=5) == Picture("a.png", 3)
    assert client.result(handle) == Picture("a.png", 3)
    assert client.result(handle.id) == {"path": "a.png", "width": 3}


def test_a_kind_is_enqueued_by_name(client: Client, url: str) -> None:
    client.enqueue("thumbnail", path="a")
    client.enqueue("film", path="b")

    assert rows(url, "SELECT kind, queue FROM headrace.job ORDER BY id") == [
        ("thumbnail", "default"),
        ("film", "slow"),
    ]
    with pytest.raises(UnknownKind, match="'absent'; it has: film, thumbnail"):
        client.enqueue("absent")
    with pytest.raises(ArgsInvalid, match="'path'"):
        client.enqueue("thumbnail")
    with pytest.raises(UsageError, match="give a handler"):
        client.enqueue(len)  # type: ignore[call-overload]


def test_without_an_app_any_kind_goes(url: str) -> None:
    with Client(None, url, namespace="other") as client:
        assert client.enqueue("whatever", x=1).inserted
    with Client(other_app, url) as client:
        client.enqueue("thumbnail", path="b")

    assert rows(url, "SELECT kind, args FROM other.job ORDER BY id") == [
        ("whatever", {"x": 1}),
        ("thumbnail", {"path": "b"}),
    ]


def test_options_and_a_repeated_id(client: Client) -> None:
    once = film.with_options(id=uuid4(), delay=60)

    first, second = client.enqueue(once, path="a"), client.enqueue(once, path="b")

    assert (first.inserted, second.inserted) == (True, False)
    job = client.get(second.id)
    assert (job.args, job.state, job.queue) == ({"path": "a"}, JobState.SCHEDULED, "slow")


def test_a_job_is_shown_with_its_failures(client: Client, node: NodeByHand) -> None:
    handle = client.enqueue(thumbnail, path="a")
    node.discard(node.claim("thumbnail"), "ValueError", "no picture")

    job = client.get(handle.id)

    assert (job.id, job.kind, job.state, job.attempt) == (
        handle.id,
        "thumbnail",
        JobState.DISCARDED,
        1,
    )
    assert [(failure.error_class, failure.node) for failure in job.failures] == [
        ("ValueError", "hand")
    ]
    with pytest.raises(JobNotFound):
        client.get(uuid4())


def test_cancel_and_retry(client: Client) -> None:
    handle = client.enqueue(thumbnail, path="a")

    assert client.cancel(handle.id).state is JobState.CANCELLED
    with pytest.raises(JobFailed) as failed:
        handle.result()
    assert (failed.value.state, failed.value.error_class) == ("cancelled", "")
    assert client.retry(handle.id).state is JobState.AVAILABLE
    for action in (client.cancel, client.retry):
        with pytest.raises(JobNotFound):
            action(uuid4())


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


@pytest.mark.parametrize("copy_from", [1, 1_000])
def test_many_jobs_are_written_and_the_nodes_told_once_a_queue(
    client: Client,
    url: str,
    node: NodeByHand,
    copy_from: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "COPY_FROM_JOBS", copy_from)
    monkeypatch.setattr(entries, "CHUNK_JOBS", 50)
    node.conn.execute('LISTEN "headrace.wakeup"')
    node.conn.execute('LISTEN "headrace.due"')
    late = thumbnail.with_options(delay=3600, tags=["x"], metadata={"m": 1}, priority=2, timeout=1)
    soon = thumbnail.with_options(delay=5)

    def mixed() -> Iterator[NewJob]:
        yield from jobs(120)
        yield late.new_job(path="late")
        yield soon.new_job(path="soon")
        yield film.new_job(path="film")

    result = client.enqueue_many(mixed())

    assert (result.jobs, result.inserted) == (123, 123)
    assert paths(url)[119:] == ["0119", "late", "soon", "film"]
    heard = sorted((note.channel, note.payload) for note in node.conn.notifies(timeout=0.3))
    assert heard == [
        ("headrace.due", ""),
        ("headrace.wakeup", "default"),
        ("headrace.wakeup", "slow"),
    ]
    query = (
        "SELECT state::text, tags, metadata, priority, timeout_seconds,"
        " extract(epoch FROM scheduled_at - created_at)::int"
        " FROM headrace.job WHERE args->>'path' = %s"
    )
    assert rows(url, query, "late") == [("scheduled", ["x"], {"m": 1}, 2, 1.0, 3600)]
    assert rows(url, query, "0000") == [("available", [], {}, 1, None, 0)]


def test_many_jobs_are_all_or_none(
    client: Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 50)
    wrong: list[Any] = [*jobs(120), "job"]

    with pytest.raises(UsageError, match="job 120 is 'job'"):
        client.enqueue_many(wrong)
    assert paths(url) == []
    assert client.enqueue_many([]).jobs == 0


def test_known_ids_in_a_bulk_add_nothing(
    client: Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 50)
    first = list(jobs(150))

    assert client.enqueue_many(first[40:60]).inserted == 20
    assert client.enqueue_many([*first, first[0]]).inserted == 130
    assert client.enqueue_many(first).inserted == 0
    assert paths(url) == [f"{number:04}" for number in range(150)]


def test_a_bulk_is_consumed_at_the_databases_pace(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 10)
    made = 0
    sent = []
    add = bulk.Bulk.add

    async def noted(self: bulk.Bulk, part: Any) -> None:
        sent.append((made, len(part)))
        await add(self, part)

    monkeypatch.setattr(bulk.Bulk, "add", noted)

    def counted() -> Iterator[NewJob]:
        nonlocal made
        for job in jobs(100):
            made += 1
            yield job

    client.enqueue_many(counted())

    assert [count for _, count in sent] == [10] * 10
    assert all(ahead <= 10 * number + 11 for number, (ahead, _) in enumerate(sent, 1))


def test_a_client_serves_many_threads(client: Client, url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: client.enqueue(thumbnail, path=str(number)), range(100)))

    assert len(paths(url)) == 100


def test_a_closed_client_leaves_no_thread_and_opens_again(url: str) -> None:
    before = threading.active_count()
    client = Client(app, url)
    client.close()
    client.enqueue(thumbnail, path="a")
    client.close()
    client.close()

    assert threading.active_count() == before
    client.enqueue(thumbnail, path="b")
    client.close()
    assert paths(url) == ["a", "b"]


def test_whoever_waits_when_the_client_closes_is_told(url: str) -> None:
    client = Client(app, url)
    handle = client.enqueue(thumbnail, path="a")
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(handle.result)
        wait_until(lambda: rows(url, "SELECT FROM headrace.waiter"))
        client.close()
        with pytest.raises(StoreUnavailable, match="closing"):
            ended.result()


def test_a_forked_process_gets_a_pool_of_its_own(client: Client, url: str) -> None:
    client.enqueue(thumbnail, path="parent")

    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            client.enqueue(thumbnail, path="child")
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    client.enqueue(thumbnail, path="parent again")
    assert paths(url) == ["parent", "child", "parent again"]


def test_behind_a_pooler_results_are_found_by_looking(url: str, node: NodeByHand) -> None:
    with Client(app, url, pooler=True) as client:
        handle = client.enqueue(thumbnail, path="a")
        assert client.get(handle.id).state is JobState.AVAILABLE
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(handle.result, timeout=10)
            node.do("thumbnail", '{"path":"a","width":1}')
            assert ended.result() == Picture("a", 1)
        assert client.enqueue_many(jobs(2_000)).inserted == 2_000
    assert rows(url, "SELECT count(*) FROM headrace.waiter") == [(0,)]


def test_settings_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HEADRACE_DATABASE_URL", "DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match="set HEADRACE_DATABASE_URL or DATABASE_URL"):
        Client(app)
    with pytest.raises(ConfigError, match="scheme 'mysql'"):
        Client(app, "mysql://me:secret@host/db")
    with pytest.raises(UsageError, match="App or None"):
        Client("postgresql://")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="namespace"):
        Client(None, "postgresql://", namespace='"')
    monkeypatch.setenv("DATABASE_URL", "postgres://host/db?sslsni=1&host=/x")
    with Client(app):
        pass


def test_a_database_that_is_away_is_told_without_its_password(url: str) -> None:
    with (
        Client(app, "postgresql://me:secret@127.0.0.1:1/db") as client,
        pytest.raises(StoreUnavailable, match=r"database 127\.0\.0\.1:1/db did not") as away,
    ):
        client.enqueue(thumbnail, path="a")
    assert "secret" not in str(away.value)
    with (
        Client(App(namespace="absent"), url) as client,
        pytest.raises(SchemaNotMigrated, match="'absent'"),
    ):
        client.get(uuid4())


def test_a_restart_of_the_database_is_outlived(restartable_server: RestartableServer) -> None:
    from tests.support.migrated import migrate

    url = restartable_server.create_database()
    migrate(url)
    with Client(app, url) as client:
        handle = client.enqueue(thumbnail, path="a")
        client.enqueue(thumbnail, path="b")
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(handle.result, timeout=30)
            wait_until(lambda: rows(url, "SELECT FROM headrace.waiter"))
            restartable_server.stop_immediate()
            with pytest.raises(StoreUnavailable):
                client.enqueue(thumbnail, path="lost")
            restartable_server.start()
            client.enqueue(thumbnail, path="c")
            with node_by_hand(url) as node:
                node.do("thumbnail", '{"path":"a","width":1}')
            assert ended.result() == Picture("a", 1)
    assert paths(url) == ["a", "b", "c"]
