"""What cannot be: from Python, from the command line and in SQL, one clear error, nothing written.

A case: what it is; how each would ask for it (None: it cannot even be said there); and what the
error must name. What may look bad and is fine stands at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import attrs
import psycopg
import pytest

from runtime import App, Kind, Unique, UsageError, enqueue_many
from runtime.ids import uuid7
from runtime.job import NewJob
from runtime.testing import Databases
from tests.cli.conftest import Cli
from tests.support.sessions import query

app = App()


@app.job
def work(a: int = 0) -> None: ...


_with: Any = work.with_options
_work: Any = work
_CENTURY = 3_155_760_000
_DEEP = '{"a":' + "[" * 400 + "]" * 400 + "}"
_TAGS = [f"{number:0>250}" for number in range(40)]


def _nested() -> Any:
    value: Any = []
    for _ in range(400):
        value = [value]
    return value


def _written(**options: Any) -> Callable[[], NewJob]:
    """A job that nobody checked, such as another program may make."""
    given: dict[str, Any] = {"id": uuid7(), "kind": "work"} | options
    return lambda: NewJob(**given)


@attrs.frozen
class Case:
    """See the module."""

    what: str
    python: Callable[[], Any] | None
    flags: tuple[str, ...] | None
    sql: str | None
    part: str


def _times(name: str, flag: str, sql: str, least: str) -> list[Case]:
    """What no duration can be."""
    return [
        Case(
            f"{name} of {value}",
            partial(_with, **{name: float(value)}),
            ("work", "{}", flag, value),
            f"enqueue('work', {sql} => '{value}')",
            least,
        )
        for value in ("-1", "nan", "inf", str(_CENTURY + 1))
    ]


CASES = [
    *_times("delay", "--delay", "delay_seconds", "delay"),
    *_times("timeout", "--timeout", "timeout_seconds", "timeout"),
    *_times("expires_in", "--expires-in", "expires_seconds", "expir"),
    Case(
        "a delay that nobody checked",
        _written(delay_seconds=-1.0),
        None,
        None,
        "job 0 ('work'): delay of -1.0 seconds; give 0",
    ),
    Case("no kind", lambda: Kind(""), ("", "{}"), "enqueue('')", "kind"),
    Case("a kind of NULL", None, None, "enqueue(NULL)", "kind has 0 characters"),
    Case(
        "a long kind",
        lambda: Kind("k" * 128),
        ("k" * 128, "{}"),
        "enqueue(repeat('k', 128))",
        "kind",
    ),
    Case(
        "no queue",
        lambda: _with(queue=""),
        ("k", "--queue", ""),
        "enqueue('k', queue => '')",
        "queue",
    ),
    Case(
        "a queue of a line and NUL",
        lambda: _with(queue="a\0"),
        None,
        None,
        "without NUL",
    ),
    Case(
        "a priority of 5",
        lambda: _with(priority=5),
        ("k", "--priority", "5"),
        "enqueue('k', priority => 5)",
        "priority",
    ),
    Case("a vast priority", None, None, "enqueue('k', priority => 70000)", "priority is 70000"),
    Case(
        "no attempt at all",
        lambda: _with(max_attempts=0),
        ("k", "--max-attempts", "0"),
        "enqueue('k', max_attempts => 0)",
        "max_attempts",
    ),
    Case(
        "a tag of 1 MB",
        lambda: _with(tags=["t" * 1_000_000]),
        None,  # the system itself takes no argument of that size
        "enqueue('k', tags => ARRAY[repeat('t', 1000000)])",
        "tag",
    ),
    Case(
        "too many tags",
        lambda: _with(tags=["t"] * 101),
        ("k", *(part for _ in range(101) for part in ("--tag", "t"))),
        "enqueue('k', tags => array_fill('t'::text, ARRAY[101]))",
        "tags",
    ),
    Case(
        "tags of 10 kB together",
        lambda: _with(tags=_TAGS),
        ("k", *(part for tag in _TAGS for part in ("--tag", tag))),
        None,
        "the limit is 8,192",
    ),
    Case(
        "a time without a zone",
        lambda: _with(scheduled_at=datetime(2100, 1, 1)),
        ("k", "--at", "2100-01-01T00:00:00"),
        None,
        "time",
    ),
    Case(
        "a time in the year 290000",
        None,
        ("k", "--at", "290000-01-01T00:00:00Z"),
        "enqueue('k', scheduled_at => '290000-01-01')",
        "time",
    ),
    Case(
        "a time that never is", None, None, "enqueue('k', scheduled_at => 'infinity')", "infinity"
    ),
    Case(
        "two times",
        lambda: _with(delay=1, scheduled_at=datetime(2100, 1, 1, tzinfo=UTC)),
        ("k", "--delay", "1", "--at", "2100-01-01T00:00:00Z"),
        "enqueue('k', delay_seconds => 1, scheduled_at => now())",
        "delay",
    ),
    Case(
        "two deadlines",
        lambda: _with(expires_in=1, expires_at=datetime(2100, 1, 1, tzinfo=UTC)),
        ("k", "--expires-in", "1", "--expires-at", "2100-01-01T00:00:00Z"),
        "enqueue('k', expires_seconds => 1, expires_at => now())",
        "expires_at",
    ),
    Case("an arg too few", lambda: app.job(kind="x")(lambda a: a).new_job(), None, None, "a"),
    Case("an arg too many", lambda: _work.new_job(1, 2), None, None, "too many"),
    Case("an arg of another name", lambda: _work.new_job(b=1), None, None, "'b'"),
    Case("an arg of another type", lambda: _work.new_job("x"), None, None, "$.a"),
    Case("args that are no object", None, ("k", "[1]"), "enqueue('k', '[1]')", "object"),
    Case("args that are no JSON", None, ("k", "{"), "enqueue('k', '{')", "JSON"),
    Case(
        "a number that is none",
        lambda: Kind("k").new_job(a=float("nan")),
        ("k", '{"a": NaN}'),
        "enqueue('k', '{\"a\": NaN}')",
        "",
    ),
    Case(
        "a vast number",
        lambda: Kind("k").new_job(a=2**60),
        ("k", f'{{"a": {2**60}}}'),
        None,
        "2^53",
    ),
    Case(
        "a NUL in args",
        lambda: Kind("k").new_job(a="\0"),
        ("k", '{"a": "\\u0000"}'),
        "enqueue('k', '{\"a\": \"\\u0000\"}')",
        "",
    ),
    Case("deep args", lambda: Kind("k").new_job(a=_nested()), ("k", _DEEP), None, "200 levels"),
    Case(
        "large metadata",
        lambda: _with(metadata={"m": "x" * 70_000}).new_job(),
        None,
        "enqueue('k', metadata => json_build_object('m', repeat('x', 70000))::jsonb)",
        "metadata",
    ),
    Case(
        "an empty key",
        lambda: _with(key=""),
        ("k", "--key", ""),
        "enqueue('k', key => '')",
        "key",
    ),
    Case(
        "a sequence of nothing",
        lambda: _with(sequence=True).new_job(),
        ("k", "--sequence"),
        "enqueue('k', sequence => true)",
        "a sequence needs a key",
    ),
    Case(
        "states that are left and entered",
        lambda: Unique(states=["running"]),
        None,
        "enqueue('k', unique_by => 'k', unique_states => B'00010000')",
        "another",
    ),
    Case(
        "a period of nothing",
        lambda: Unique(period=0),
        ("k", "--unique-period", "0"),
        "enqueue('k', unique_by => 'k', unique_period_seconds => 0)",
        "period",
    ),
    Case(
        "a conflict that is not known",
        lambda: Unique(on_conflict="ignore"),  # type: ignore[arg-type]
        ("k", "--on-conflict", "ignore"),
        "enqueue('k', unique_by => 'k', on_conflict => 'ignore')",
        "keep",
    ),
    Case(
        "a conflict of a job that is not unique",
        None,
        ("k", "--on-conflict", "fail"),
        None,
        "give --unique",
    ),
    Case("an id that is none", None, ("k", "--id", "7"), "enqueue('k', id => '7')", "7"),
]


@pytest.fixture(scope="module")
def still_url(headrace_server: Databases) -> Iterator[str]:
    """A migrated database in which nothing is written."""
    url = headrace_server.create()
    yield url
    headrace_server.drop(url)


@pytest.fixture(scope="module")
def conn(still_url: str) -> Iterator[psycopg.Connection]:
    """A connection to it."""
    with psycopg.connect(still_url, autocommit=True) as conn:
        yield conn


def _named(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.what) for case in cases]


@pytest.mark.parametrize("case", _named([case for case in CASES if case.python]))
def test_python_refuses(case: Case, conn: psycopg.Connection) -> None:
    assert case.python is not None
    with pytest.raises(UsageError) as caught:
        enqueue_many(conn, [case.python()])
    assert case.part in str(caught.value)
    assert len(str(caught.value)) < 700
    assert conn.execute("SELECT count(*) FROM headrace.job").fetchone() == (0,)


@pytest.mark.parametrize("case", _named([case for case in CASES if case.sql]))
def test_sql_refuses(case: Case, conn: psycopg.Connection) -> None:
    assert case.sql is not None
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(f"SELECT headrace.{case.sql}".encode())
    state = caught.value.sqlstate or ""
    assert state.startswith(("22", "HR0")) or state == "23514"
    assert case.part in str(caught.value)
    assert conn.execute("SELECT count(*) FROM headrace.job").fetchone() == (0,)


def test_the_command_line_refuses(cli: Cli, still_url: str) -> None:
    for case in CASES:
        if case.flags is not None:
            ended = cli("enqueue", *case.flags, "--database-url", still_url, status=2)
            assert case.part in ended.err, case.what
            assert ended.out == "", case.what
    assert query(still_url, "SELECT count(*) FROM headrace.job") == [(0,)]


def test_a_name_of_any_characters_and_a_kind_that_nobody_serves_are_kept(on: Cli) -> None:
    name = "a\"b'c; DROP TABLE job --\n%s"
    added = on("enqueue", "nobody.serves/this", "--queue", name, "--key", name).out.strip()
    (job,) = on("job", "list", "--queue", name, "--json").json
    assert (job["id"], job["state"], job["key"]) == (added, "available", name)


def test_a_unique_job_is_told_of_on_the_command_line(on: Cli) -> None:
    first = on("enqueue", "k", '{"a": 1, "b": 1}', "--unique-by", "a", "--json").json
    again = ("enqueue", "k", '{"a": 1, "b": 2}', "--unique-by", "a")
    kept = on(*again, "--json").json
    assert kept == {"id": first["id"], "inserted": False, "duplicate": True, "replaced": False}
    assert "was kept as it is" in on(*again).err
    assert on(*again, "--on-conflict", "replace", "--json").json["replaced"] is True
    assert first["id"] in on(*again, "--on-conflict", "fail", status=1).err
    assert on("job", "show", first["id"], "--json").json["args"] == {"a": 1, "b": 2}
