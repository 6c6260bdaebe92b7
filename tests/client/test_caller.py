"""Enqueue on the caller's own sync connection: a job exists if and only if the caller commits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from runtime import App, Kind, enqueue_many
from runtime.client import entries
from runtime.errors import (
    JobFailed,
    JobNotFound,
    PayloadTooLarge,
    ResultTimeout,
    SchemaNotMigrated,
    UsageError,
)
from runtime.job import NewJob
from runtime.payload import PayloadLimits
from tests.client.jobs import (
    Picture,
    film,
    other_app,
    paths,
    rows,
    thumbnail,
    thumbnail_elsewhere,
    thumbnail_nowhere,
)
from tests.client.libraries import SYNC, Caller, Open, django_autocommit
from tests.client.node import node_by_hand


@pytest.fixture(params=SYNC)
def open_caller(request: pytest.FixtureRequest) -> Open:
    return SYNC[request.param]


@pytest.fixture
def caller(open_caller: Open, url: str) -> Iterator[Caller]:
    with open_caller(url) as caller:
        yield caller


def jobs(count: int, start: int = 0) -> Iterator[NewJob]:
    return (thumbnail.new_job(path=str(start + number)) for number in range(count))


def test_a_job_exists_when_the_callers_transaction_commits(caller: Caller, url: str) -> None:
    handle = thumbnail.enqueue(caller.conn, path="a.png")

    assert handle.inserted
    assert handle.kind == "thumbnail"
    assert paths(url) == []
    caller.commit()
    assert rows(url, "SELECT id, args, state::text FROM headrace.job") == [
        (handle.id, {"path": "a.png"}, "available")
    ]


def test_a_job_does_not_exist_when_it_rolls_back(caller: Caller, url: str) -> None:
    thumbnail.enqueue(caller.conn, path="a.png")
    caller.rollback()
    thumbnail.enqueue(caller.conn, path="b.png")
    caller.commit()

    assert paths(url) == ["b.png"]


def test_the_same_id_adds_nothing(caller: Caller, url: str) -> None:
    once = thumbnail.with_options(id=uuid4())

    assert once.enqueue(caller.conn, path="a").inserted
    assert not once.enqueue(caller.conn, path="b").inserted
    caller.commit()
    assert not once.enqueue(caller.conn, path="c").inserted
    assert paths(url) == ["a"]


def test_many_jobs_are_one_part_of_the_callers_transaction(
    caller: Caller, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 3)

    assert enqueue_many(caller.conn, jobs(10)).inserted == 10
    assert paths(url) == []
    caller.rollback()
    assert enqueue_many(caller.conn, jobs(7)).jobs == 7
    caller.commit()
    assert paths(url) == [str(number) for number in range(7)]


def test_many_jobs_are_written_all_or_none(
    caller: Caller, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 3)

    def breaks_off() -> Iterator[NewJob]:
        yield from jobs(8)
        raise LookupError("no more")

    thumbnail.enqueue(caller.conn, path="before")
    with pytest.raises(LookupError):
        enqueue_many(caller.conn, breaks_off())
    thumbnail.enqueue(caller.conn, path="after")
    caller.commit()

    assert paths(url) == ["before", "after"]


def test_a_result_is_awaited_on_the_callers_connection(caller: Caller, url: str) -> None:
    handle = thumbnail.enqueue(caller.conn, path="a", width=3)
    refused = thumbnail.enqueue(caller.conn, path="b")
    caller.commit()

    with node_by_hand(url) as node:
        with pytest.raises(ResultTimeout, match=r"within 0\.01 s; it goes on"):
            handle.result(caller.conn, timeout=0.01)
        node.do("thumbnail", '{"path":"a","width":9}')
        node.discard(node.claim("thumbnail"), "ValueError", "no picture")

    assert handle.result(caller.conn, timeout=5) == Picture("a", 9)
    with pytest.raises(JobFailed, match="discarded; last failure: ValueError: no picture"):
        refused.result(caller.conn)
    caller.rollback()
    gone = thumbnail.enqueue(caller.conn, path="c")
    caller.rollback()
    with pytest.raises(JobNotFound):
        gone.result(caller.conn)


def test_jobs_go_to_the_apps_namespace(caller: Caller, url: str) -> None:
    thumbnail_elsewhere.enqueue(caller.conn, path="a")
    other_app.enqueue_many(caller.conn, [thumbnail_elsewhere.new_job(path="b")])
    Kind("thumbnail", namespace="other").enqueue(caller.conn, path="c")
    caller.commit()

    assert paths(url, "other") == ["a", "b", "c"]
    assert paths(url) == []


def test_a_namespace_without_tables_is_told_plainly(caller: Caller) -> None:
    with pytest.raises(SchemaNotMigrated, match="'absent' has no tables"):
        thumbnail_nowhere.enqueue(caller.conn, path="a")


def test_a_refusal_of_the_databases_own_guard_is_typed(caller: Caller, url: str) -> None:
    lax = App(limits=PayloadLimits(metadata_bytes=100_000))

    @lax.job
    def keep() -> None: ...

    with pytest.raises(PayloadTooLarge) as refused:
        keep.with_options(metadata={"x": "y" * 70_000}).enqueue(caller.conn)
    assert (refused.value.field, refused.value.limit, refused.value.index) == (
        "metadata",
        65_536,
        0,
    )
    caller.rollback()
    assert paths(url) == []


def test_a_backstop_constraint_of_the_tables_is_typed(caller: Caller, url: str) -> None:
    job = NewJob(id=uuid4(), kind="x", args="[]")

    with pytest.raises(UsageError, match="refused by the constraint job_args_object"):
        enqueue_many(caller.conn, [job])


def test_options_are_written(caller: Caller, url: str) -> None:
    options = film.with_options(
        delay=60, priority=4, max_attempts=2, tags=["x"], metadata={"m": 1}, timeout=0
    )
    options.enqueue(caller.conn, path="a")
    caller.commit()

    found = rows(
        url,
        "SELECT kind, queue, state::text, priority, max_attempts, tags, metadata, timeout_seconds,"
        " extract(epoch FROM scheduled_at - created_at)::int FROM headrace.job",
    )
    assert found == [("film", "slow", "scheduled", 4, 2, ["x"], {"m": 1}, 0.0, 60)]


def test_in_autocommit_a_job_exists_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 3)
    with psycopg.connect(url, autocommit=True) as conn, django_autocommit(url) as other:
        for each in (conn, other):
            thumbnail.enqueue(each, path="a")
            assert enqueue_many(each, jobs(8)).inserted == 8

        assert len(paths(url)) == 18


def test_in_autocommit_many_jobs_still_are_all_or_none(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 3)
    wrong: list[Any] = [*jobs(8), "job"]
    with psycopg.connect(url, autocommit=True) as conn, django_autocommit(url) as other:
        for each in (conn, other):
            with pytest.raises(UsageError, match="job 8 is 'job'"):
                enqueue_many(each, wrong)
    assert paths(url) == []


def test_a_library_that_cannot_bracket_in_autocommit_refuses_what_it_cannot_promise(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "CHUNK_JOBS", 3)
    with SYNC["DB-API connection"](url) as caller:
        caller.conn.driver_connection.autocommit = True
        thumbnail.enqueue(caller.conn, path="a")
        with pytest.raises(UsageError, match="need a transaction"):
            enqueue_many(caller.conn, jobs(8))

    assert paths(url) == ["a"]


def test_an_oversized_job_of_a_bulk_is_named_and_nothing_is_sent(caller: Caller, url: str) -> None:
    limits = PayloadLimits(args_bytes=100)
    bulk = [thumbnail.new_job(path="a"), thumbnail.new_job(path="b" * 100)]

    with pytest.raises(PayloadTooLarge, match="args of job 1"):
        enqueue_many(caller.conn, bulk, limits=limits)
    caller.commit()
    assert paths(url) == []


def test_no_jobs_are_no_jobs(caller: Caller) -> None:
    assert enqueue_many(caller.conn, []).jobs == 0


@pytest.mark.parametrize("thing", [None, "postgresql://", object(), psycopg])
def test_what_is_no_connection_is_refused(thing: Any) -> None:
    with pytest.raises(UsageError, match=r"cannot enqueue on a .*: give a connection of asyncpg"):
        thumbnail.enqueue(thing, path="a")
