"""Payloads made to hurt, enqueued by SQL: PostgreSQL refuses them by SQLSTATE, or keeps them; and
what it keeps does not break those who look at it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from runtime.job_filter import JobFilter
from runtime.readable import UNREADABLE
from tests.store.harness import Bench
from tests.store.tables import Tables

MIB = 1024 * 1024
TOO_COMPLEX, OUT_OF_RANGE, NO_JSON, NO_CHARACTER, TOO_LARGE = (
    "54001", "22003", "22P02", "22P05", "HR001",
)  # fmt: skip


@pytest.fixture
def caller(tables: Tables) -> Iterator[psycopg.Connection]:
    with psycopg.connect(tables.url, autocommit=True) as connection:
        yield connection


def enqueue(caller: psycopg.Connection, args: str, metadata: str = "{}") -> Any:
    statement = "SELECT headrace.enqueue('k', %s::jsonb, metadata => %s::jsonb)"
    row = caller.execute(statement, [args, metadata]).fetchone()
    assert row is not None
    return row[0]


def nested(depth: int) -> str:
    return '{"a":' + "[" * depth + "]" * depth + "}"


@pytest.mark.parametrize(
    ("args", "sqlstate"),
    [
        (nested(100_000), TOO_COMPLEX),
        ('{"a":' + "9" * 1_000_000 + "}", OUT_OF_RANGE),
        ('{"a":1e400000}', OUT_OF_RANGE),
        ('{"a":NaN}', NO_JSON),
        ('{"a":"\\ud800"}', NO_JSON),
        ('{"a":"\\u0000"}', NO_CHARACTER),
        ('{"\\u0000":1}', NO_CHARACTER),
        (json.dumps(dict.fromkeys(map(str, range(300_000)))), TOO_LARGE),
    ],
    ids=["depth", "digits", "exponent", "NaN", "surrogate", "NUL", "NUL in a key", "keys"],
)
def test_sql_refuses_hostile_args_and_metadata_with_nothing_written(
    tables: Tables, caller: psycopg.Connection, args: str, sqlstate: str
) -> None:
    for values in ([args], ["{}", args]):
        with pytest.raises(psycopg.DatabaseError) as caught:
            enqueue(caller, *values)
        assert caught.value.sqlstate == sqlstate
    assert tables.connection.execute("SELECT count(*) FROM job").fetchone() == (0,)


async def test_what_sql_lets_through_comes_back(bench: Bench, caller: psycopg.Connection) -> None:
    job_id = enqueue(caller, '{"' + "k" * MIB + '":1e400,"a":1,"a":2}')

    (job,) = await bench.claim(await bench.node())

    assert job.id == job_id
    assert json.loads(job.args) == {"k" * MIB: 10**400, "a": 2}
    assert (await bench.store.get(job_id)).args == {"k" * MIB: 10**400, "a": 2}


@pytest.mark.parametrize("args", [nested(1_500), '{"a":' + "9" * 100_000 + "}"])
async def test_a_job_that_cannot_be_read_hides_no_other(
    bench: Bench, caller: psycopg.Connection, args: str
) -> None:
    hostile = enqueue(caller, args)
    (harmless,) = await bench.add(args='{"n":1}')

    shown = {job.id: job.args for job in await bench.store.jobs(JobFilter())}

    assert shown[harmless] == {"n": 1}
    assert UNREADABLE in shown[hostile]
    assert UNREADABLE in (await bench.store.get(hostile)).args
