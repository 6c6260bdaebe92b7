"""`client.events`: who is told of what happens, and who is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
import trio

from runtime import AsyncClient, Client, TrioClient, sql
from runtime.errors import UsageError
from runtime.event import Event
from tests.client.jobs import app, film, rows, seen, thumbnail
from tests.client.node import NodeByHand, node_by_hand, padded
from tests.support.sessions import query

BOUND_SECONDS = 20.0


@pytest.fixture
def node(url: str) -> Iterator[NodeByHand]:
    with node_by_hand(url) as made:
        yield made


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(app, url) as made:
        yield made


def ack(
    node: NodeByHand, run: tuple[UUID, int], state: str, delay: float | None, failed: bool
) -> None:
    failure = ["ValueError", "oops", "", None, None, None] if failed else [None] * 6
    values = [[run[0]], [run[1]], [state], [delay], [failed], [None], *([one] for one in failure)]
    run_sql(node.conn, "ack", values)


def run_sql(conn: psycopg.Connection[Any], name: str, values: list[Any]) -> None:
    """A statement of the Store."""
    psycopg.RawCursor(conn).execute(sql.load(name), padded(name, values))


def test_every_end_and_every_other_event_is_told(
    client: Client, node: NodeByHand, url: str
) -> None:
    with client.events() as events:
        done = client.enqueue(thumbnail, path="done")
        node.do("thumbnail", "1")
        failed = client.enqueue(thumbnail, path="failed")
        ack(node, node.claim("thumbnail"), "retryable", 60.0, True)
        given_up = client.enqueue(thumbnail, path="given up")
        ack(node, node.claim("thumbnail"), "discarded", 0.0, True)
        snoozed = client.enqueue(thumbnail, path="snoozed")
        ack(node, node.claim("thumbnail"), "scheduled", 60.0, False)
        cancelled = client.enqueue(thumbnail, path="cancelled")
        client.cancel(cancelled.id)
        rescued = client.enqueue(thumbnail, path="rescued")
        node.claim("thumbnail")
        query(url, "UPDATE headrace.node SET expires_at = now()")
        run_sql(node.conn, "rescue", [100, None])
        run_sql(node.conn, "pause", [["media"]])
        run_sql(node.conn, "resume", ["media"])
        heard = [events.next(BOUND_SECONDS) for _ in range(8)]
        assert events.next(0.05) is None
    told = [(each.event, each.job_id) for each in heard if each is not None]
    assert told == [
        ("completed", done.id),
        ("failed", failed.id),
        ("discarded", given_up.id),
        ("snoozed", snoozed.id),
        ("cancelled", cancelled.id),
        ("rescued", rescued.id),
        ("paused", None),
        ("resumed", None),
    ]
    failure = heard[1]
    assert failure is not None
    assert (failure.kind, failure.queue, failure.state) == ("thumbnail", "default", "retryable")
    assert (failure.attempt, failure.run_number, failure.error) == (1, 1, "ValueError")
    assert heard[5] is not None
    assert (heard[5].state, heard[5].error) == ("available", "NodeLost")
    assert heard[6] == Event("paused", heard[6].at if heard[6] else failure.at, "media")
    assert rows(url, "SELECT FROM headrace.subscriber") == []


def test_a_suspension_is_told_from_a_snooze_with_what_it_waits_for(
    client: Client, node: NodeByHand, url: str
) -> None:
    def wait(run: tuple[UUID, int], *steps: tuple[str, str, str]) -> None:
        for place, op, name in steps:
            query(
                url,
                "INSERT INTO headrace.step (job_id, place, op, name, done, run_number)"
                f" VALUES ('{run[0]}', '{place}', '{op}', '{name}', false, {run[1]})",
            )

    with client.events("suspended") as suspended, client.events("snoozed") as snoozed:
        for _ in range(4):
            client.enqueue(thumbnail, path="a")
        sleeps, waits, tired, plain = [node.claim("thumbnail") for _ in range(4)]
        wait(sleeps, ("0.0.1", "signal", "headrace.cancel"), ("2", "sleep", ""))
        wait(waits, ("3.0.1", "signal", "go"), ("3.1.1", "map", "pack"))
        wait(tired, ("1", "signal", "go"), ("0.0.2", "snooze", ""))
        for run, state, seconds in (
            (sleeps, "scheduled", 60.0),
            (waits, "pending", None),
            (tired, "scheduled", 60.0),
            (plain, "scheduled", 60.0),
        ):
            ack(node, run, state, seconds, False)
        heard = [suspended.next(BOUND_SECONDS) for _ in range(2)]
        assert [(each.job_id, each.state, each.waits) for each in heard if each is not None] == [
            (sleeps[0], "scheduled", "sleep"),
            (waits[0], "pending", "signal go, map pack"),
        ]
        tired_events = [snoozed.next(BOUND_SECONDS) for _ in range(2)]
        assert [(each.job_id, each.waits) for each in tired_events if each is not None] == [
            (tired[0], None),
            (plain[0], None),
        ]
        assert suspended.next(0.05) is None


def test_what_is_not_asked_for_is_not_told(client: Client, node: NodeByHand) -> None:
    with (
        client.events("completed", queues=["slow"]) as slow,
        client.events(kinds=["film"]) as films,
        client.events("failed", "discarded") as failures,
    ):
        client.enqueue(thumbnail, path="a")
        node.do("thumbnail")
        other = client.enqueue(film.with_options(queue="default"), path="b")
        client.cancel(other.id)
        third = client.enqueue(film, path="c")
        client.cancel(third.id)
        heard = [films.next(BOUND_SECONDS) for _ in range(2)]
        assert [each.job_id for each in heard if each is not None] == [other.id, third.id]
        assert slow.next(0.05) is None
        assert failures.next(0.05) is None


def test_nobody_is_notified_while_nobody_has_asked(
    client: Client, node: NodeByHand, url: str
) -> None:
    with psycopg.connect(url, autocommit=True) as ear:
        ear.execute('LISTEN "headrace.event"')
        with client.events("discarded"):
            client.enqueue(thumbnail, path="a")
            node.do("thumbnail")
        client.enqueue(thumbnail, path="b")
        node.do("thumbnail")
        ear.execute("""SELECT pg_notify('headrace.event', 'mark')""")
        (notify,) = ear.notifies(timeout=BOUND_SECONDS, stop_after=1)
        assert notify.payload == "mark"


def test_many_events_share_a_notification_and_what_finds_no_room_is_counted(
    client: Client, node: NodeByHand, url: str
) -> None:
    count = 300
    with (
        client.events(buffer=10) as few,
        client.events() as events,
        psycopg.connect(url, autocommit=True) as ear,
    ):
        ear.execute('LISTEN "headrace.event"')
        jobs = [thumbnail.new_job(path="x" * 100) for _ in range(count)]
        client.enqueue_many(jobs)
        runs = [node.claim("thumbnail") for _ in jobs]
        ids, numbers = [run[0] for run in runs], [run[1] for run in runs]
        run_sql(node.conn, "ack_completed", [ids, numbers, *([[None] * count] * 4)])
        heard = [events.next(BOUND_SECONDS) for _ in jobs]
        assert {each.job_id for each in heard if each is not None} == set(ids)
        ear.execute("SELECT pg_notify('headrace.event', 'mark')")
        payloads = []
        for notify in ear.notifies(timeout=BOUND_SECONDS):
            if notify.payload == "mark":
                break
            payloads.append(len(notify.payload))
        assert len(payloads) < count / 5
        assert max(payloads) < 8_000
        assert few.lost + 10 == count
        assert few.next(0) is not None


def test_a_lost_connection_is_a_gap_and_hearing_goes_on(
    client: Client, node: NodeByHand, url: str
) -> None:
    with client.events() as events:
        query(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%event%'",
        )
        query(url, "TRUNCATE headrace.subscriber")  # as a crash would
        heard: Event | None = None
        for _ in range(100):
            client.enqueue(thumbnail, path="again")
            node.do("thumbnail")
            heard = events.next(0.2)
            if heard is not None:
                break
        assert heard is not None
        assert events.gaps == 1


def test_wrong_use_is_refused(client: Client, url: str) -> None:
    with pytest.raises(UsageError, match="no event 'finished'; there are completed, failed"):
        client.events("finished")
    with pytest.raises(UsageError, match="give a list of names"):
        client.events(queues="media")
    with pytest.raises(UsageError, match="inside a `with` block"):
        client.events().next(0)
    with (
        Client(app, url, pooler=True) as pooled,
        pytest.raises(UsageError, match="transaction pooler"),
        pooled.events(),
    ):
        raise AssertionError("unreachable")


async def heard_by(client: AsyncClient | TrioClient, node: NodeByHand) -> None:
    async with client.events("completed") as events:
        job = await client.enqueue(thumbnail, path="a")
        node.do("thumbnail")
        async for event in events:
            assert event.job_id == job.id
            break
        assert await events.next(0.01) is None


async def followed_by(client: AsyncClient | TrioClient, node: NodeByHand) -> None:
    job = await client.enqueue(thumbnail, path="a")
    states = []
    async for update in client.follow(job):
        states.append(update.state.value)
        if update.state.value == "available":
            run = node.claim("thumbnail")
        elif update.state.value == "running":
            node.complete(run, "1")
    assert states == ["available", "running", "completed"]


def test_under_asyncio(url: str, node: NodeByHand) -> None:
    async def main() -> None:
        async with AsyncClient(app, url) as client:
            await heard_by(client, node)
            await followed_by(client, node)
        await seen(lambda: not rows(url, "SELECT FROM headrace.subscriber"))

    asyncio.run(main())


async def test_under_trio(url: str, node: NodeByHand) -> None:
    with trio.fail_after(BOUND_SECONDS):
        async with TrioClient(app, url) as client:
            await heard_by(client, node)
            await followed_by(client, node)
