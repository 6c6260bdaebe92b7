"""Signals, events, published values, timelines and forks, on real tables; steps are put there by
hand, as a node would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
from msgspec import UNSET

from runtime import App, AsyncClient, Client, TrioClient, emit_event, send_signal
from runtime.client import reading, timelines
from runtime.codec import AesGcm
from runtime.errors import (
    JobEnded,
    JobNotFound,
    PayloadInvalid,
    PayloadTooLarge,
    ResultTimeout,
    UsageError,
)
from runtime.family import Family, Parent
from runtime.lifecycle import JobState
from tests.client.jobs import app, rows, thumbnail
from tests.client.libraries import ASYNC, SYNC, awaited
from tests.client.node import node_by_hand
from tests.support.postgres import wait_until

SIGNALS = "SELECT name, value FROM headrace.signal ORDER BY sent_at"
secret_app = App("secret", codec=AesGcm({"k": b"0123456789abcdef" * 2}))


@secret_app.job(kind="thumbnail")
def secret_thumbnail(path: str) -> str:
    return path


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(app, url) as client:
        yield client


@pytest.fixture
def job(client: Client) -> UUID:
    return client.enqueue(thumbnail, path="a").id


def put(url: str, job_id: UUID, *steps: tuple[str, str, str, str | None]) -> None:
    """Record done steps: place, op, name, output as JSON text."""
    with psycopg.connect(url) as conn:
        for place, op, name, output in steps:
            conn.execute(
                "INSERT INTO headrace.step (job_id, place, op, name, done, output, run_number)"
                " VALUES (%s, %s, %s, %s, true, %s, 1)",
                (job_id, place, op, name, output),
            )
            if op == "publish":
                conn.execute(
                    "INSERT INTO headrace.published (job_id, key, value) VALUES (%s, %s, %s)"
                    " ON CONFLICT (job_id, key) DO UPDATE SET value = excluded.value",
                    (job_id, name, output),
                )


# --- signals and events -----------------------------------------------------------------------


@pytest.mark.parametrize("library", SYNC)
def test_a_signal_is_there_if_its_sender_commits(library: str, url: str, job: UUID) -> None:
    with SYNC[library](url) as caller:
        assert send_signal(caller.conn, job, "approved", {"by": "x"})
        caller.rollback()
        assert rows(url, SIGNALS) == []
        assert send_signal(caller.conn, job, "approved", {"by": "y"})
        caller.commit()
        assert emit_event(caller.conn, f"open {library}", 1)
        caller.commit()
    assert rows(url, SIGNALS) == [("approved", {"by": "y"})]


@pytest.mark.parametrize("library", ASYNC)
def test_and_so_it_is_in_asyncio(library: str, url: str, job: UUID) -> None:
    async def main() -> None:
        async with ASYNC[library](url) as caller:
            assert await send_signal(caller.conn, job, "approved", [1])
            assert rows(url, SIGNALS) == []
            assert await emit_event(caller.conn, f"open async {library}")
            await awaited(caller.commit())

    asyncio.run(main())
    assert rows(url, SIGNALS) == [("approved", [1])]


def test_a_signal_counts_once_however_often_it_is_sent(client: Client, url: str, job: UUID) -> None:
    first, second = uuid4(), uuid4()
    assert client.send_signal(job, "go", id=first)
    assert not client.send_signal(job, "go", id=first)
    assert client.send_signal(job, "go", 2, id=second)
    assert client.send_signal(job, "go", 3)
    assert rows(url, SIGNALS) == [("go", None), ("go", 2), ("go", 3)]

    client.cancel(job)
    assert not client.send_signal(job, "go", id=first), "its repetition is still known"
    with pytest.raises(JobEnded, match="is cancelled: it takes no signal 'go'") as ended:
        client.send_signal(job, "go")
    assert (ended.value.job_id, ended.value.state) == (job, "cancelled")


def test_what_can_be_no_signal_is_refused_unsent(client: Client, url: str, job: UUID) -> None:
    with pytest.raises(JobNotFound):
        client.send_signal(uuid4(), "go")
    with pytest.raises(UsageError, match="signal is a name of 1 to 127"):
        client.send_signal(job, "")
    with pytest.raises(UsageError, match="give a job's handle or its id"):
        client.send_signal("17", "go")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a signal's id is a uuid"):
        client.send_signal(job, "go", id="x")  # type: ignore[arg-type]
    with pytest.raises(PayloadInvalid, match=r"signal 'go' at \$\.a: is nan"):
        client.send_signal(job, "go", {"a": float("nan")})
    with pytest.raises(PayloadTooLarge, match="signal 'go' is 3,000,002 bytes"):
        client.send_signal(job, "go", "x" * 3_000_000)
    with pytest.raises(PayloadTooLarge, match="event 'go' is 3,000,002 bytes"):
        client.emit_event("go", "x" * 3_000_000)
    assert rows(url, SIGNALS) == []


def test_the_first_of_an_event_counts(client: Client, url: str) -> None:
    name = f"rates {uuid4()}"
    assert client.emit_event(name, {"eur": 1})
    assert not client.emit_event(name, {"eur": 2})
    found = rows(url, "SELECT value FROM headrace.happening WHERE name = %s", name)
    assert found == [({"eur": 1},)]


def test_a_refused_signal_leaves_the_senders_transaction_alone(url: str, job: UUID) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TEMPORARY TABLE mine (n int)")
        with pytest.raises(JobNotFound):
            send_signal(conn, uuid4(), "go")
        assert send_signal(conn, job, "go")
        conn.commit()
    assert rows(url, SIGNALS) == [("go", None)]


def test_the_values_of_an_app_with_a_codec_are_sealed(url: str) -> None:
    with Client(secret_app, url) as client, psycopg.connect(url) as conn:
        handle = client.enqueue(secret_thumbnail, path="a")
        client.send_signal(handle, "go", "secret")
        send_signal(conn, handle, "go", "secret")
        send_signal(conn, handle.id, "go", "secret", app=secret_app)
        conn.commit()
    values = [value for _, value in rows(url, SIGNALS)]
    assert len(values) == 3
    for value in values:
        assert "secret" not in str(value)
        text = str(value).replace("'", '"')
        assert secret_app.sealer.unseal("signal", text, "", handle.id) == '"secret"'


# --- published values, timelines --------------------------------------------------------------


def test_a_published_value_is_waited_for_and_read(client: Client, url: str, job: UUID) -> None:
    with pytest.raises(ResultTimeout, match="has published no 'draft' yet"):
        client.read(job, "draft", timeout=0)
    with pytest.raises(ResultTimeout, match=r"within 0\.03 s"):
        client.read(job, "draft", timeout=0.03)
    put(url, job, ("1", "publish", "draft", '{"lines": 3}'), ("2", "publish", "none", "null"))
    assert client.read(job, "draft") == {"lines": 3}
    assert client.read(job, "none") is None

    with pytest.raises(JobNotFound):
        client.read(uuid4(), "draft")
    client.cancel(job)
    assert client.read(job, "draft") == {"lines": 3}
    with pytest.raises(JobEnded, match="it has published no 'report'"):
        client.read(job, "report")


@pytest.fixture
def slow_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads is told, or waits for too long."""
    monkeypatch.setattr(reading, "FIRST_PAUSE_SECONDS", 60.0)
    monkeypatch.setattr(reading, "LAST_PAUSE_SECONDS", 60.0)


def _reader_is_told_of(url: str, job_id: UUID) -> None:
    wait_until(lambda: bool(rows(url, f"SELECT FROM headrace.waiter WHERE job_id = '{job_id}'")))
    listens = "SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%.published%'"
    wait_until(lambda: bool(rows(url, listens)))


@pytest.mark.usefixtures("slow_looks")
def test_who_reads_is_told_of_what_is_published(client: Client, url: str, job: UUID) -> None:
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(client.read, job, "draft", timeout=50)
        _reader_is_told_of(url, job)
        put(url, job, ("1", "publish", "other", "1"), ("2", "publish", "draft", "2"))
        assert reader.result(timeout=30) == 2


@pytest.mark.usefixtures("slow_looks")
def test_who_reads_is_told_of_the_jobs_end(client: Client, url: str, job: UUID) -> None:
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(client.read, job, "draft")
        _reader_is_told_of(url, job)
        client.cancel(job)
        with pytest.raises(JobEnded):
            reader.result(timeout=30)


def test_behind_a_pooler_published_values_are_found_by_looking(url: str, job: UUID) -> None:
    with Client(app, url, pooler=True) as pooled, ThreadPoolExecutor(1) as pool:
        reader = pool.submit(pooled.read, job, "draft", timeout=50)
        put(url, job, ("1", "publish", "draft", "2"))
        assert reader.result(timeout=30) == 2
    assert rows(url, "SELECT FROM headrace.waiter") == []


def test_a_value_that_is_there_costs_its_reader_no_wish(
    client: Client, url: str, job: UUID
) -> None:
    put(url, job, ("1", "publish", "draft", "2"))
    assert client.read(job, "draft") == 2
    with pytest.raises(ResultTimeout):
        client.read(job, "none", timeout=0)
    assert rows(url, "SELECT FROM headrace.waiter") == []


def test_a_timeline_has_steps_in_order_and_the_states_of_children(
    client: Client, url: str, job: UUID
) -> None:
    put(url, job, ("10", "step", "last", "[1]"), ("2", "map", "thumbnail", None))
    put(url, job, ("3.1.1", "step", "b", None), ("3.0.1", "step", "a", '{"b": 1, "a": 2}'))
    children = [client.enqueue(thumbnail, path=str(n)).id for n in range(3)]
    client.cancel(children[0])
    with psycopg.connect(url) as conn:
        conn.execute(
            "UPDATE headrace.job SET parent_id = %s, parent_place = '2' WHERE id = ANY (%s)",
            (job, children),
        )
        conn.execute(
            'UPDATE headrace.step SET error = \'["ValueError", "no"]\', done = false,'
            " until = now() WHERE place = '3.1.1'"
        )
    assert {step.output for step in client.steps(job)} == {UNSET}
    steps = client.steps(job, outputs=True)
    assert [step.place for step in steps] == ["2", "3.0.1", "3.1.1", "10"]
    assert steps[0].children == {"available": 2, "cancelled": 1}
    assert list(steps[1].output) == ["b", "a"], "as it was written"
    assert (steps[2].error_class, steps[2].message, steps[2].failed) == ("ValueError", "no", False)
    assert (steps[1].depth, steps[3].depth) == (1, 0)
    assert client.steps(children[0]) == client.steps(uuid4()) == []


def test_a_timeline_is_read_page_by_page(
    client: Client, url: str, job: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines, "_PAGE_STEPS", 3)
    monkeypatch.setattr(timelines, "_PAGE_OUTPUTS", 2)
    monkeypatch.setattr(timelines, "_PAGE_BYTES", 1)
    put(url, job, *((str(n), "step", "s", f'"{n}"') for n in range(1, 12)))

    steps = client.steps(job, outputs=True)
    assert [(step.place, step.output) for step in steps] == [(str(n), str(n)) for n in range(1, 12)]
    assert [step.place for step in client.steps(job, after="8", limit=2)] == ["9", "10"]
    assert [step.place for step in client.steps(job, after="10.9")] == ["11"]
    assert [step.output for step in client.steps(job, outputs=True, limit=4)] == list("1234")
    assert client.steps(job, limit=0) == client.steps(job, after="11") == []
    for after in ("x", "", "3."):
        with pytest.raises(UsageError, match="give a step's place"):
            client.steps(job, after=after)
    with pytest.raises(UsageError, match="give a number of steps"):
        client.steps(job, limit=-1)


def test_a_job_has_a_family(client: Client, url: str, job: UUID) -> None:
    child = client.enqueue(thumbnail, path="b").id
    with psycopg.connect(url) as conn:
        conn.execute(
            "UPDATE headrace.job SET parent_id = %s, parent_place = '2' WHERE id = %s", (job, child)
        )
    assert client.family(job) == Family(None, {JobState.AVAILABLE: 1})
    parent = Parent(job, "2", "thumbnail", JobState.AVAILABLE)
    assert client.family(child) == Family(parent, {})
    with pytest.raises(JobNotFound):
        client.family(uuid4())


# --- forks ------------------------------------------------------------------------------------


def test_a_fork_has_what_was_recorded_before_its_step(client: Client, url: str, job: UUID) -> None:
    put(url, job, ("1", "step", "list", "[1]"), ("2", "publish", "draft", '"old"'))
    put(url, job, ("3.0.1", "step", "a", None), ("4", "publish", "draft", '"new"'))
    put(url, job, ("5", "step", "list", "[2]"))

    fork = client.fork(job, 4)
    assert [step.place for step in client.steps(fork)] == ["1", "2", "3.0.1"]
    assert client.read(fork, "draft") == "old"
    row = client.get(fork.id)
    assert (row.kind, row.args, row.run_number, row.attempt) == ("thumbnail", {"path": "a"}, 1, 0)
    assert row.metadata == {"forked_from": str(job), "forked_at": 4}

    by_name = client.fork(job, "a")
    assert [step.place for step in client.steps(by_name)] == ["1", "2"]
    assert client.steps(client.fork(job, "list")) == []
    assert len(client.steps(client.fork(job, "6"))) == 5
    with node_by_hand(url) as node:
        assert node.claim("thumbnail")


def test_a_fork_is_made_once(client: Client, url: str, job: UUID) -> None:
    put(url, job, ("1", "step", "list", "[1]"))
    fork_id = uuid4()
    assert client.fork(job, 2, id=fork_id).inserted
    assert not client.fork(job, 2, id=fork_id).inserted
    assert len(client.steps(fork_id)) == 1


def test_what_was_not_reached_cannot_be_forked(client: Client, url: str, job: UUID) -> None:
    put(url, job, ("1", "step", "list", "[1]"))
    with pytest.raises(UsageError, match="has come to step 1; it cannot be forked at 3"):
        client.fork(job, 3)
    with pytest.raises(UsageError, match="has recorded no step of the name 'b'"):
        client.fork(job, "b")
    with pytest.raises(JobNotFound):
        client.fork(uuid4(), 1)


def test_the_args_of_a_fork_are_sealed_for_it(url: str) -> None:
    with Client(secret_app, url) as client:
        job = client.enqueue(secret_thumbnail, path="secret")
        fork = client.fork(job, 1)
        assert client.get(fork.id).args == {"path": "secret"}
        with node_by_hand(url) as node:
            assert {node.do("thumbnail"), node.do("thumbnail")} == {job.id, fork.id}


# --- asyncio and trio -------------------------------------------------------------------------


async def the_whole_round(client: AsyncClient | TrioClient, url: str) -> None:
    job = await client.enqueue(thumbnail.with_options(external_id=uuid4().hex), path="a")
    assert await client.send_signal(job, "go", 1)
    assert await client.emit_event(uuid4().hex)
    put(url, job.id, ("1", "publish", "draft", "7"))
    assert await client.read(job, "draft") == 7
    assert [step.name for step in await client.steps(job)] == ["draft"]
    assert await client.family(job) == Family()
    fork = await client.fork(job, 2)
    assert await client.read(fork, "draft") == 7
    with pytest.raises(ResultTimeout):
        await client.read(fork, "other", timeout=0.01)


def test_under_asyncio(url: str) -> None:
    async def main() -> None:
        async with AsyncClient(app, url) as client:
            await the_whole_round(client, url)

    asyncio.run(main())


async def test_under_trio(url: str) -> None:
    async with TrioClient(app, url) as client:
        with trio.fail_after(20):
            await the_whole_round(client, url)
