"""Many jobs at once with a client: all or none, at the database's pace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runtime import Client
from runtime.client import bulk, entries
from runtime.errors import UsageError
from runtime.job import NewJob
from tests.client.jobs import app, film, paths, rows, thumbnail
from tests.client.node import NodeByHand, node_by_hand


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
        sent.append((made, len(part.jobs)))
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
