"""Names of any text: each is kept exactly, or refused by one typed error; none is taken for SQL."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from uuid import UUID

import attrs
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from actors import events
from actors.metrics import Metrics
from actors.store.postgres import session_of
from actors.store.protocol import QueueInfo
from runtime import App, Client, enqueue_many
from runtime.cli.logs import TextLines
from runtime.client import bulk
from runtime.client.statements import channel, enqueue_statement, statement
from runtime.config import Config
from runtime.errors import UsageError
from runtime.handler_enqueue import Kind
from runtime.ids import uuid7
from runtime.job import NewJob
from runtime.payload import DEFAULT_LIMITS
from tests.cli.conftest import Cli
from tests.cli.test_logs import record
from tests.security.app import app, echo
from tests.security.names import MOST, NAMES, NASTY, can_be_kept

few = settings(max_examples=40, derandomize=True, deadline=None, database=None)

# What would move a terminal's cursor, or end a line.
MOVES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]")


@attrs.frozen
class Desk:
    """A client, and a connection of a user's own beside it."""

    url: str
    client: Client
    connection: psycopg.Connection

    @property
    def count(self) -> int:
        """How many jobs there are."""
        rows = self.connection.execute("SELECT count(*) FROM headrace.job").fetchall()
        return int(rows[0][0])


@pytest.fixture(scope="module")
def desk(migrated_url: str) -> Iterator[Desk]:
    with (
        Client(app, migrated_url) as client,
        psycopg.connect(migrated_url, autocommit=True) as connection,
    ):
        yield Desk(migrated_url, client, connection)


def by_client(desk: Desk, name: str) -> UUID:
    return desk.client.enqueue(echo.with_options(queue=name, tags=[name]), text="x").id


def on_own_connection(desk: Desk, name: str) -> UUID:
    return echo.with_options(queue=name, tags=[name]).enqueue(desk.connection, text="x").id


def in_a_bulk(desk: Desk, name: str) -> UUID:
    job = NewJob(id=uuid7(), kind=name, queue=name, tags=(name,))
    desk.client.enqueue_many([job])
    return job.id


def in_a_bulk_on_own_connection(desk: Desk, name: str) -> UUID:
    job = NewJob(id=uuid7(), kind=name, queue=name, tags=(name,))
    enqueue_many(desk.connection, [job])
    return job.id


def by_copy(desk: Desk, name: str) -> UUID:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "COPY_FROM_JOBS", 1)
        return in_a_bulk(desk, name)


def by_sql(desk: Desk, name: str) -> UUID:
    """What psycopg or the table itself refuses is refused here, too."""
    try:
        cursor = desk.connection.execute(
            "SELECT headrace.enqueue(%(name)s, queue => %(name)s, tags => ARRAY[%(name)s])",
            {"name": name},
        )
    except (psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError) as error:
        raise UsageError(str(error)) from None
    ((job_id,),) = cursor.fetchall()
    assert isinstance(job_id, UUID)
    return job_id


WAYS = [by_client, on_own_connection, in_a_bulk, in_a_bulk_on_own_connection, by_copy, by_sql]
Way = Callable[[Desk, str], UUID]


def kept_or_refused(desk: Desk, write: Way, name: str) -> None:
    """Refused with nothing written, or found again exactly."""
    before = desk.count
    try:
        job_id = write(desk, name)
    except UsageError:
        assert not can_be_kept(name), name
        assert desk.count == before
        return
    assert can_be_kept(name), name
    found = desk.client.get(job_id)
    assert (found.queue, found.tags) == (name, (name,))
    assert found.kind in (name, "echo")
    assert desk.count == before + 1


@pytest.mark.parametrize("write", WAYS)
def test_a_nasty_name_is_kept_exactly_or_refused(desk: Desk, write: Way) -> None:
    for name in NASTY:
        kept_or_refused(desk, write, name)


@few
@given(name=NAMES)
def test_so_is_any_other(desk: Desk, name: str) -> None:
    kept_or_refused(desk, by_copy, name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 99_999},
        {"priority": 9},
        {"timeout_seconds": -1.0},
        {"tags": ("\U0001f600" * 255,) * 100},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_option_that_cannot_be_is_refused_by_type_whoever_finds_out(
    desk: Desk, wrong: dict[str, object]
) -> None:
    before = desk.count
    job = NewJob(id=uuid7(), kind="k", **wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        desk.client.enqueue_many([job])
    with pytest.raises(UsageError):
        enqueue_many(desk.connection, [job])
    assert desk.count == before


def test_the_command_line_keeps_names_and_shows_them_on_one_line(
    desk: Desk, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", desk.url)
    for name in ("'; DROP TABLE job", "\r\n00:00 forged", "\x1b[2J\u202e\x9b", "%s {} $1"):
        cli("enqueue", "k", f"--queue=cli{name}", f"--tag={name}")
        (found,) = cli("job", "list", f"--queue=cli{name}", f"--tag={name}", "--json").json
        assert (found["queue"], found["tags"]) == (f"cli{name}", [name])
        shown = cli("job", "list", f"--queue=cli{name}").out
        assert shown.count("\n") == 2
        assert not MOVES.search(shown)
        assert not MOVES.search(cli("queue", "pause", f"cli{name}").out)
        assert not MOVES.search(cli("job", "show", found["id"]).out)


@pytest.mark.parametrize(
    "arguments",
    [
        ("enqueue", "k", "--queue=nul\0nul"),
        ("enqueue", "k", "--tag=lone\udcff"),
        ("enqueue", "x" * (MOST + 1)),
        ("enqueue", "k", "--id=1'; DROP TABLE job"),
        ("job", "show", "1'; DROP TABLE job"),
        ("job", "list", "--queue=lone\udcff"),
        ("queue", "pause", "lone\udcff"),
        ("queue", "pause", "x" * (MOST + 1)),
        ("job", "list", '--namespace=a"; DROP TABLE job'),
    ],
    ids=str,
)
def test_what_the_command_line_cannot_keep_is_a_usage_error(
    desk: Desk, cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DATABASE_URL", desk.url)
    before = desk.count
    assert cli(*arguments, status=2).err
    assert desk.count == before


@few
@given(name=NAMES | st.from_regex(r"[a-z_][a-z0-9_]{0,41}\n?", fullmatch=True))
def test_a_namespace_is_an_identifier_or_is_refused_wherever_it_is_given(name: str) -> None:
    uses: list[Callable[[], object]] = [
        lambda: statement("enqueue", name),
        lambda: enqueue_statement(name, DEFAULT_LIMITS),
        lambda: channel(name, "wakeup"),
        lambda: session_of(name),
        lambda: Config(namespace=name),
        lambda: App(namespace=name),
        lambda: Kind("k", namespace=name),
    ]
    fine = re.fullmatch(r"[a-z_][a-z0-9_]{0,39}", name) is not None
    for use in uses:
        with contextlib.nullcontext() if fine else pytest.raises(UsageError):
            use()


def _handler() -> None:
    pass


@few
@given(name=NAMES.filter(bool) | st.from_regex(r"[a-zA-Z_][a-z.:/\n-]{0,9}", fullmatch=True))
def test_a_kind_is_a_name_or_is_refused(name: str) -> None:
    fine = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.\-:/]{0,126}", name) is not None
    uses: list[Callable[[str], object]] = [Kind, lambda kind: App().job(kind=kind)(_handler)]
    for use in uses:
        with contextlib.nullcontext() if fine else pytest.raises(UsageError):
            use(name)


@few
@given(name=NAMES.filter(can_be_kept))
def test_in_metrics_a_name_is_one_label_and_nothing_else(name: str) -> None:
    metrics = Metrics("1")
    metrics.observe(events.RunsEnded([events.RunEnded(name, name, "completed", 0.2, 0.02)]))
    metrics.observe(events.QueuesMeasured((QueueInfo(name, None, 1, 0, 2.0),)))
    families = list(text_string_to_metric_families(metrics.render().decode()))
    samples = [sample for family in families for sample in family.samples]
    assert all(sample.name.startswith("headrace_") for sample in samples)
    labelled = [sample.labels for sample in samples]
    assert {labels["queue"] for labels in labelled if "queue" in labels} == {name}
    assert {labels["kind"] for labels in labelled if "kind" in labels} == {name}


@few
@given(name=NAMES)
def test_in_the_log_a_name_begins_no_line_and_moves_no_cursor(name: str) -> None:
    first, *more = TextLines().format(record(f"run of {name} failed: {name}")).split("\n")
    assert " warning run of " in first
    assert all(line.startswith("    ") for line in more)
    assert not MOVES.search(first + "".join(more))
