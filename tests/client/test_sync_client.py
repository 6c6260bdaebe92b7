"""Client: enqueue, look and wait from sync code, with a pool of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

import runtime
from runtime import App, Client
from runtime.errors import (
    ArgsInvalid,
    ConfigError,
    JobFailed,
    JobNotFound,
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


def test_calls_that_race_with_close_end_one_way_or_the_other(url: str) -> None:
    def call(client: Client) -> str:
        try:
            client.enqueue(thumbnail, path="a")
        except StoreUnavailable:
            return "closing"
        return "written"

    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            client = Client(app, url)
            client.enqueue(thumbnail, path="a")
            calls = [pool.submit(call, client) for _ in range(4)]
            client.close()
            assert {done.result(timeout=30) for done in calls} <= {"closing", "written"}
            client.close()


def test_a_program_that_forgets_its_client_ends_quietly(url: str) -> None:
    program = (
        "import sys, runtime\n"
        "client = runtime.Client(None, sys.argv[1])\n"
        "client.enqueue('any')\n"
        "forgotten = runtime.Client(None, sys.argv[1])\n"
        "forgotten.enqueue('any')\n"
        "del forgotten\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, url],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(runtime.__file__).parents[1],
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert rows(url, "SELECT count(*) FROM headrace.job") == [(2,)]


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
