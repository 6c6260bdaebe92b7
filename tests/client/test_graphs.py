"""Graphs that clients enqueue, run by `drain` on real tables."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import trio

from runtime import (
    App,
    AsyncClient,
    Client,
    Context,
    Graph,
    GraphFailed,
    JobFailed,
    TrioClient,
    UsageError,
    enqueue_graph,
)
from runtime.cli.main import run as command
from runtime.codec import AesGcm
from runtime.lifecycle import JobState
from runtime.testing import drain
from tests.client.jobs import rows
from tests.client.libraries import ASYNC, SYNC

app = App("graphs", codec=AesGcm({"k": b"0123456789abcdef" * 2}), max_attempts=1)
STATES = "SELECT metadata ->> 'headrace.graph', state::text FROM headrace.job ORDER BY 1"
broken: set[str] = set()


@app.job
def one() -> int:
    return 1


@app.job
async def add(numbers: list[int], name: str = "") -> int:
    if name in broken:
        raise ValueError("broken")
    return sum(numbers)


@pytest.fixture(autouse=True)
def mended() -> None:
    broken.clear()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(app, url) as client:
        yield client


def diamond(failures: Any = "finish") -> Graph:
    graph = Graph(failures=failures)
    top = graph.add("top", one)
    left = graph.add("left", add, [top, 10], name="left")
    right = graph.add("right", add, [top, top])
    graph.add("bottom", add, [left, right], after=[top])
    return graph


@app.workflow
def flow(ctx: Context) -> Any:
    return ctx.graph(diamond())


OUTPUTS = {"top": 1, "left": 11, "right": 2, "bottom": 13}


def test_a_graph_is_there_at_once_and_runs_in_its_order(client: Client, url: str) -> None:
    handle = client.enqueue_graph(diamond(), tags=["nightly"], metadata={"for": "x"})
    assert handle.inserted
    assert rows(url, STATES) == [
        ("bottom", "pending"),
        ("left", "pending"),
        ("right", "pending"),
        ("top", "available"),
        (None, "pending"),
    ]
    drained = drain(app, url)
    assert [run.kind for run in drained.runs] == ["one", "add", "add", "add"]
    assert handle.result(timeout=5) == OUTPUTS
    assert client.result(handle["bottom"], timeout=5) == 13
    root = client.get(handle.id)
    assert (root.state, root.kind, root.tags) == (
        JobState.COMPLETED,
        "headrace.graph",
        ("nightly",),
    )


def test_a_graph_enqueued_again_adds_nothing(client: Client, url: str) -> None:
    first = client.enqueue_graph(diamond(), external_id="tonight")
    drain(app, url)
    again = client.enqueue_graph(diamond(), external_id="tonight")
    assert (first.id, first.inserted, again.inserted) == (again.id, True, False)
    assert again.result(timeout=5) == OUTPUTS
    assert len(rows(url, STATES)) == 5


@pytest.mark.parametrize("library", SYNC)
def test_a_graph_is_there_if_its_caller_commits(library: str, url: str) -> None:
    with SYNC[library](url) as caller:
        enqueue_graph(caller.conn, diamond())
        caller.rollback()
        assert rows(url, STATES) == []
        handle = enqueue_graph(caller.conn, diamond())
        caller.commit()
        assert handle.inserted
        if library == "psycopg_connection":
            drain(app, url)
            assert handle.result(caller.conn, timeout=5) == OUTPUTS
    assert len(rows(url, STATES)) == 5


@pytest.mark.parametrize("library", ASYNC)
def test_a_graph_is_there_if_its_asyncio_caller_commits(library: str, url: str) -> None:
    async def run() -> None:
        async with ASYNC[library](url) as caller:
            handle = await enqueue_graph(caller.conn, diamond())
            await caller.commit()
            if library == next(iter(ASYNC)):
                await asyncio.to_thread(drain, app, url)
                assert await handle.result(caller.conn, timeout=5) == OUTPUTS

    asyncio.run(run())
    assert len(rows(url, STATES)) == 5


def test_async_clients_enqueue_graphs(url: str) -> None:
    async def run_asyncio() -> None:
        async with AsyncClient(app, url) as client:
            handle = await client.enqueue_graph(diamond())
            await asyncio.to_thread(drain, app, url)
            assert await handle.result(timeout=5) == OUTPUTS
            assert await client.result(handle.id) == OUTPUTS
            assert len(await client.graph(handle)) == 4

    async def run_trio() -> None:
        async with TrioClient(app, url) as client:
            handle = await client.enqueue_graph(diamond())
            await trio.to_thread.run_sync(drain, app, url)
            assert await handle.result(timeout=5) == OUTPUTS

    asyncio.run(run_asyncio())
    trio.run(run_trio)


def test_a_failure_is_told_and_a_retry_of_the_root_goes_on_from_it(
    client: Client, url: str
) -> None:
    broken.add("left")
    handle = client.enqueue_graph(diamond())
    drain(app, url)
    with pytest.raises(GraphFailed, match="1 jobs of a graph failed and 1 were skipped") as raised:
        handle.result(timeout=5)
    assert list(raised.value.failures) == ["left"]
    assert raised.value.failures["left"].error_class == "ValueError"
    assert (raised.value.skipped, raised.value.outputs) == (("bottom",), {"top": 1, "right": 2})
    root = client.get(handle.id)
    assert root.state is JobState.DISCARDED
    assert (
        root.failures[0].message == "1 of 4 jobs failed, and 1 were skipped; one that failed: left"
    )
    skipped = client.get(handle["bottom"])
    assert (
        skipped.cancel_reason
        == f"skipped: job {handle['left']}, which it comes after, is discarded"
    )

    broken.clear()
    assert client.retry(handle.id).state is JobState.PENDING
    assert dict(rows(url, STATES))["bottom"] == "pending"
    assert [run.kind for run in drain(app, url).runs] == ["add", "add"]
    assert handle.result(timeout=5) == OUTPUTS


def test_a_retried_workflow_goes_on_with_its_graph(client: Client, url: str) -> None:
    broken.add("left")
    handle = client.enqueue(flow)
    drain(app, url)
    with pytest.raises(JobFailed, match="'left': child job"):
        handle.result(timeout=5)
    broken.clear()
    client.retry(handle.id)
    assert [run.kind for run in drain(app, url).runs].count("add") == 2
    assert handle.result(timeout=5) == OUTPUTS
    (step,) = client.steps(handle)
    assert (step.op, step.name, dict(step.children)) == ("graph", "graph", {"completed": 4})
    assert [node.name for node in client.graph(handle)] == ["top", "left", "right", "bottom"]


def test_a_cancelled_root_takes_the_rest_with_it_and_a_retry_brings_it_back(
    client: Client, url: str
) -> None:
    handle = client.enqueue_graph(diamond())
    client.cancel(handle.id, "no need")
    assert drain(app, url).completed <= 1
    assert {state for _, state in rows(url, STATES)} <= {"cancelled", "completed"}
    with pytest.raises(JobFailed):
        handle.result(timeout=5)
    client.retry(handle.id)
    drain(app, url)
    assert handle.result(timeout=5) == OUTPUTS


def test_a_paused_root_holds_back_what_has_not_begun(client: Client, url: str) -> None:
    handle = client.enqueue_graph(diamond())
    client.pause_job(handle.id)
    assert len(drain(app, url)) == 1
    client.resume_job(handle.id)
    assert len(drain(app, url)) == 3
    assert handle.result(timeout=5) == OUTPUTS


def test_the_command_line_shows_a_graph(
    client: Client, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    broken.add("left")
    handle = client.enqueue_graph(diamond())
    drain(app, url)

    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as left:
            command([*words, str(handle.id), "--database-url", url])
        assert left.value.code == 0
        return capsys.readouterr().out

    told = run("job", "show")
    picture = told[told.index("graph: ") :].splitlines()
    assert picture[0] == "graph: 4 jobs: 2 completed, 1 discarded, 1 skipped"
    words = [line.split()[:3] for line in picture[1:5]]
    assert words == [
        ["✓", "top", "one"],
        ["✗", "left", "add"],
        ["✓", "right", "add"],
        ["-", "bottom", "add"],
    ]
    assert "after top, left, right" in picture[4]
    nodes = json.loads(run("job", "show", "--json"))["graph"]
    assert [(each["name"], each["state"], each["after"]) for each in nodes] == [
        ("top", "completed", []),
        ("left", "discarded", ["top"]),
        ("right", "completed", ["top"]),
        ("bottom", "cancelled", ["top", "left", "right"]),
    ]


def test_what_cannot_be_enqueued_is_refused(client: Client) -> None:
    with pytest.raises(UsageError, match="a Graph with jobs"):
        client.enqueue_graph(Graph())
    with pytest.raises(UsageError, match="both id and external_id"):
        client.enqueue_graph(diamond(), id=uuid4(), external_id="x")
    with pytest.raises(UsageError, match="a graph's root"):
        client.fork(client.enqueue_graph(diamond()).id, 1)
    elsewhere, graph = App("elsewhere", namespace="other"), diamond()
    graph.add("far", elsewhere.job(kind="far")(lambda: None))
    with pytest.raises(UsageError, match="in one namespace"):
        client.enqueue_graph(graph)


def test_a_root_that_has_ended_well_ends_again_when_it_is_retried(client: Client, url: str) -> None:
    handle = client.enqueue_graph(diamond())
    drain(app, url)
    assert client.retry(handle.id).state is JobState.PENDING
    assert client.pause_job(handle.id).paused_at is not None
    client.resume_job(handle.id)
    drain(app, url)
    assert handle.result(timeout=5) == OUTPUTS
    assert client.get(handle.id).failures == ()


def test_a_graph_is_known_by_the_id_of_its_root(client: Client, url: str) -> None:
    well = client.enqueue_graph(diamond())
    drain(app, url)
    assert client.result(well.id, timeout=5) == client.result(well, timeout=5) == OUTPUTS
    broken.add("left")
    failed = client.enqueue_graph(diamond())
    drain(app, url)
    with pytest.raises(JobFailed, match="1 of 4 jobs failed"):
        client.result(failed.id, timeout=5)
    with pytest.raises(GraphFailed):
        client.result(failed, timeout=5)
