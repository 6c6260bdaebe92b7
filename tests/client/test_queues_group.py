"""client.queues: limits, pauses and what nodes serve, from a client and from the command line."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import trio

from runtime import AsyncClient, Client, Rate, TrioClient
from runtime.errors import UsageError
from runtime.limits import Queue, QueueLimits
from tests.client.jobs import app
from tests.client.node import node_by_hand


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM headrace.queue")
    with Client(app, url) as client:
        yield client


def test_limits_are_set_all_at_once_shown_and_taken_away(client: Client) -> None:
    rate = Rate(100, per=60, burst=5, per_key=True)
    client.queues.limit("emails", concurrency=10, per_key=1, rate=rate)
    client.queues.limit("fair", fair=True)
    assert client.queues.limits() == {
        "emails": QueueLimits(concurrency=10, per_key=1, rate=rate),
        "fair": QueueLimits(fair=True),
    }

    client.queues.limit("emails", rate=Rate(1000))
    assert client.queues.limits()["emails"] == QueueLimits(rate=Rate(1000, burst=100))
    client.queues.limit("emails")
    assert list(client.queues.limits()) == ["fair"]
    assert client.queues.list() == [
        Queue("emails", None, 0, 0, None, None),
        Queue("fair", None, 0, 0, None, QueueLimits(fair=True)),
    ]


@pytest.mark.parametrize(
    ("queue", "limits", "told"),
    [
        ("q", {"concurrency": 0}, "concurrency is 0"),
        ("q", {"per_key": True}, "per_key is True"),
        ("q", {"rate": 5}, "rate"),
        ("", {"concurrency": 1}, "queue"),
        ("*", {"concurrency": 1}, "one queue"),
    ],
)
def test_what_can_be_no_limit_is_refused(
    client: Client, queue: str, limits: dict[str, int], told: str
) -> None:
    with pytest.raises(UsageError, match=told.replace("*", r"\*")):
        client.queues.limit(queue, **limits)  # type: ignore[arg-type]
    assert client.queues.limits() == {}


@pytest.mark.parametrize("rate", [(0, 1.0), (1, 0.0), (1, float("nan")), (1.5, 1.0)])
def test_what_can_be_no_rate_is_refused(rate: tuple[int, float]) -> None:
    with pytest.raises(UsageError):
        Rate(rate[0], per=rate[1])


def test_a_queue_is_paused_and_resumed(client: Client) -> None:
    client.queues.limit("a", fair=True)
    client.queues.pause("b")
    client.queues.pause("*")
    assert [queue.paused_at is None for queue in client.queues.list()] == [False, False]
    client.queues.resume("*")
    assert [queue.paused_at for queue in client.queues.list()] == [None, None]


def test_queues_are_added_to_nodes_that_live(client: Client, url: str) -> None:
    with pytest.raises(UsageError, match="no node lives"):
        client.queues.add("media")
    with node_by_hand(url):
        assert client.queues.add("media:4:weight=3") == ["hand"]
        with pytest.raises(UsageError, match="'other'"):
            client.queues.add("media", node="other")
        with pytest.raises(UsageError, match="not a queue"):
            client.queues.add("media,4")
        assert {"media", "default"} <= {queue.name for queue in client.queues.list()}
        assert client.queues.remove("media", node="hand") == ["hand"]
        assert "media" not in {queue.name for queue in client.queues.list()}


def test_the_other_clients_can_do_the_same(client: Client, url: str) -> None:
    async def by_trio() -> list[str]:
        async with TrioClient(app, url) as other:
            await other.queues.limit("a", concurrency=1)
            await other.queues.pause("a")
            await other.queues.resume("a")
            return [queue.name for queue in await other.queues.list()]

    assert trio.run(by_trio) == ["a"]
    assert client.queues.limits() == {"a": QueueLimits(concurrency=1)}
    assert AsyncClient(app, url).queues is not None


def test_sql_sets_the_same_limits(client: Client, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT headrace.limit_queue('a', rate_count => 50, rate_seconds => 1)")
        assert client.queues.limits() == {"a": QueueLimits(rate=Rate(50))}
        with pytest.raises(psycopg.errors.CheckViolation, match="queue_concurrency_range"):
            connection.execute("SELECT headrace.limit_queue('a', concurrency => 0)")
        connection.execute("SELECT headrace.limit_queue('a')")
    assert client.queues.limits() == {}
