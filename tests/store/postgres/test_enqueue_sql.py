"""The SQL function enqueue, as psql, a trigger or another language calls it, and uuid7."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from runtime import sql
from runtime.ids import uuid7
from tests.store.harness import Bench, ack_of
from tests.store.tables import Tables


@pytest.fixture
def caller(tables: Tables) -> Iterator[psycopg.Connection]:
    """A connection of a user's own, with a search_path of its own."""
    with psycopg.connect(tables.url, autocommit=True) as connection:
        yield connection


def call(caller: psycopg.Connection, expression: str, *values: object) -> UUID:
    row = caller.execute(f"SELECT headrace.{expression}", values).fetchone()
    assert row is not None
    job_id: UUID = row[0]
    return job_id


async def test_one_argument_is_enough(bench: Bench, caller: psycopg.Connection) -> None:
    job_id = call(caller, "enqueue('hello')")

    job = await bench.store.get(job_id)
    assert (job.kind, job.queue, job.priority, job.max_attempts) == ("hello", "default", 1, 25)
    assert (job.args, job.metadata, job.tags, job.timeout_seconds) == ({}, {}, (), None)
    assert job.state.value == "available"


async def test_every_option_has_a_name(bench: Bench, caller: psycopg.Connection) -> None:
    wanted = uuid7()

    job_id = call(
        caller,
        "enqueue('hello', '{\"x\": 1.50}', queue => 'q', priority => 4, max_attempts => 3,"
        " delay_seconds => 60, timeout_seconds => 2.5, tags => ARRAY['a', 'b,c'],"
        " metadata => '{\"m\": [1]}', id => %s)",
        wanted,
    )

    job = await bench.store.get(job_id)
    assert job.id == wanted
    assert (job.queue, job.priority, job.max_attempts, job.timeout_seconds) == ("q", 4, 3, 2.5)
    assert (job.args, job.metadata, job.tags) == ({"x": 1.5}, {"m": [1]}, ("a", "b,c"))
    assert job.state.value == "scheduled"
    assert (job.scheduled_at - job.created_at).total_seconds() == 60


async def test_a_job_exists_if_and_only_if_the_transaction_commits(
    bench: Bench, tables: Tables
) -> None:
    with tables.rival() as rival:
        undone = call(rival, "enqueue('hello')")
        rival.rollback()
        done = call(rival, "enqueue('hello')")
        assert (await bench.store.counts()) == dict.fromkeys(await bench.store.counts(), 0)

    assert (await bench.store.get(done)).id == done
    assert sum((await bench.store.counts()).values()) == 1
    assert undone != done


async def test_a_known_id_comes_back_and_nothing_changes(
    bench: Bench, caller: psycopg.Connection
) -> None:
    wanted = uuid7()
    for kind in ("first", "second"):
        assert call(caller, "enqueue(%s, id => %s)", kind, wanted) == wanted

    assert (await bench.store.get(wanted)).kind == "first"


async def test_the_callers_temporary_tables_are_not_mistaken_for_ours(
    bench: Bench, caller: psycopg.Connection
) -> None:
    caller.execute("CREATE TEMP TABLE job (id int)")
    caller.execute("SET search_path = pg_temp, public")

    job_id = call(caller, "enqueue('hello')")

    assert (await bench.store.get(job_id)).kind == "hello"


async def test_a_trigger_can_enqueue(bench: Bench, caller: psycopg.Connection) -> None:
    caller.execute(
        """
        CREATE TEMP TABLE picture (path text);
        CREATE FUNCTION pg_temp.enqueue_thumbnail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM headrace.enqueue('thumbnail', jsonb_build_object('path', NEW.path));
            RETURN NULL;
        END $$;
        CREATE TRIGGER thumbnail AFTER INSERT ON picture
        FOR EACH ROW EXECUTE FUNCTION pg_temp.enqueue_thumbnail();
        INSERT INTO picture VALUES ('a.png'), ('b.png');
        """
    )

    claimed = await bench.claim(await bench.node(), kinds=["thumbnail"])
    assert [json.loads(job.args) for job in claimed] == [{"path": "a.png"}, {"path": "b.png"}]


def test_two_namespaces_in_one_database_do_not_meet(tables: Tables) -> None:
    other = Tables(tables.url, "other_place")
    try:
        other.migrate()
        with psycopg.connect(tables.url, autocommit=True) as caller:
            caller.execute('LISTEN "headrace.wakeup"; LISTEN "other_place.wakeup"')
            for place in (tables, other):
                place.connection.execute(
                    "INSERT INTO node (name, host, boot_id, pid, pid_started, version, queues,"
                    " workers, expires_at, wants_wakeups)"
                    " VALUES ('n', 'h', 'b', 1, '', '', '{default}', 1, 'infinity', true)"
                )
            caller.execute("SELECT headrace.enqueue('here'), other_place.enqueue('there')")
            heard = {note.channel for note in caller.notifies(timeout=5, stop_after=2)}
        assert heard == {"headrace.wakeup", "other_place.wakeup"}
        kinds = [
            place.connection.execute("SELECT kind FROM job").fetchall() for place in (tables, other)
        ]
        assert kinds == [[("here",)], [("there",)]]
    finally:
        other.connection.execute("DROP SCHEMA other_place CASCADE")
        other.close()


@pytest.mark.parametrize(
    ("expression", "sqlstate", "constraint"),
    [
        ("enqueue('')", "22023", None),
        ("enqueue(NULL)", "22023", None),
        ("enqueue('k', '[1]')", "23514", "job_args_object"),
        ("enqueue('k', metadata => '7')", "23514", "job_metadata_object"),
        ("enqueue('k', priority => 5)", "22023", None),
        ("enqueue('k', max_attempts => 0)", "22023", None),
        ("enqueue('k', timeout_seconds => -1)", "22023", None),
        ("enqueue('k', timeout_seconds => 'Infinity')", "22023", None),
        ("enqueue('k', tags => ARRAY[NULL])", "23514", "job_tags_no_null"),
        ("enqueue('k', tags => array_fill('t'::text, ARRAY[101]))", "23514", "job_tags_count"),
        ("enqueue('k', tags => ARRAY[repeat('t', 40000)])", "23514", "job_tags_size"),
        ("enqueue('k', delay_seconds => 1, scheduled_at => now())", "22023", None),
        ("enqueue('k', delay_seconds => 'NaN')", "22023", None),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    tables: Tables,
    caller: psycopg.Connection,
    expression: str,
    sqlstate: str,
    constraint: str | None,
) -> None:
    with pytest.raises(psycopg.DatabaseError) as caught:
        call(caller, expression)

    assert caught.value.sqlstate == sqlstate
    assert caught.value.diag.constraint_name == constraint


@pytest.mark.parametrize(
    ("expression", "detail"),
    [
        (
            "enqueue('k', jsonb_build_object('x', repeat('y', 2097152)))",
            {"field": "args", "size": 2_097_161, "limit": 2_097_152, "index": 0},
        ),
        (
            "enqueue('k', metadata => jsonb_build_object('x', repeat('y', 65536)))",
            {"field": "metadata", "size": 65_545, "limit": 65_536, "index": 0},
        ),
    ],
)
def test_a_payload_over_the_limit_is_refused_with_field_size_and_limit(
    tables: Tables, caller: psycopg.Connection, expression: str, detail: dict[str, object]
) -> None:
    with pytest.raises(psycopg.DatabaseError) as caught:
        call(caller, expression)

    assert caught.value.sqlstate == "HR001"
    assert json.loads(caught.value.diag.message_detail or "") == detail


def test_a_bulk_is_refused_whole_and_names_the_index(
    tables: Tables, caller: psycopg.Connection
) -> None:
    jobs = [{"kind": "k"}, {"kind": "k", "args": {"x": "y" * 100}}]

    with pytest.raises(psycopg.DatabaseError) as caught:
        caller.execute("SELECT headrace.enqueue_many(%s::json, 50)", [json.dumps(jobs)])

    assert json.loads(caught.value.diag.message_detail or "")["index"] == 1
    assert tables.connection.execute("SELECT count(*) FROM job").fetchone() == (0,)


def test_a_bulk_answers_in_its_own_order(tables: Tables, caller: psycopg.Connection) -> None:
    known, later, earlier = uuid7(), uuid7(), uuid7()
    caller.execute("SELECT headrace.enqueue('k', id => %s)", [known])
    jobs = [{"kind": "k", "id": str(job_id)} for job_id in (later, known, earlier, later)]

    rows = caller.execute(
        "SELECT index, id, inserted FROM headrace.enqueue_many(%s::json) ORDER BY 1",
        [json.dumps(jobs)],
    ).fetchall()

    assert rows == [(0, later, True), (1, known, False), (2, earlier, True), (3, later, False)]


def test_jobs_of_a_bulk_without_ids_keep_their_order(
    tables: Tables, caller: psycopg.Connection
) -> None:
    jobs = [{"kind": "k", "args": {"n": n}, "queue": None} for n in range(5_000)]
    caller.execute("SELECT headrace.enqueue_many(%s::json)", [json.dumps(jobs)])

    rows = tables.connection.execute("SELECT (args->>'n')::int FROM job ORDER BY id").fetchall()

    assert [n for (n,) in rows] == list(range(5_000))


def test_ids_made_by_sql_are_uuids_of_version_7(tables: Tables) -> None:
    before = time.time_ns() // 1_000_000
    rows = tables.connection.execute("SELECT uuid7() FROM generate_series(1, 2000)").fetchall()
    ids: list[UUID] = [row[0] for row in rows]

    assert len(set(ids)) == 2_000
    assert {(job_id.version, job_id.variant) for job_id in ids} == {(7, "specified in RFC 4122")}
    stamps = [job_id.int >> 80 for job_id in ids]
    assert stamps == sorted(stamps)
    assert before - 60_000 < stamps[0] < before + 60_000


def test_other_writers_meet_the_backstop(tables: Tables) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        tables.connection.execute(
            "INSERT INTO job (id, kind, args) VALUES"
            " (uuid7(), 'k', jsonb_build_object('x', repeat('y', 6 * 1024 * 1024)))"
        )

    assert caught.value.diag.constraint_name == "job_args_size"


def test_copy_meets_the_same_constraints(tables: Tables) -> None:
    cursor = tables.connection.cursor()
    with cursor.copy("COPY job (id, kind, args) FROM STDIN") as copy:
        copy.write_row((uuid7(), "k", '{"x": 1}'))
    with (
        pytest.raises(psycopg.errors.CheckViolation),
        cursor.copy("COPY job (id, kind, args) FROM STDIN") as copy,
    ):
        copy.write_row((uuid7(), "k", "[1]"))

    assert tables.connection.execute("SELECT count(*) FROM job").fetchone() == (1,)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'completed'", "job_finalized_iff_final"),
        ("finalized_at = now()", "job_finalized_iff_final"),
        ("state = 'running'", "job_node_iff_running"),
        ("node_id = 1", "job_node_iff_running"),
        ("attempt = -1", "job_attempt_range"),
    ],
)
def test_the_invariants_of_a_job_are_named_constraints(
    tables: Tables, change: str, constraint: str
) -> None:
    tables.connection.execute("SELECT enqueue('k')")

    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        tables.connection.execute(f"UPDATE job SET {change}".encode())

    assert caught.value.diag.constraint_name == constraint


async def test_an_output_that_grows_beyond_the_backstop_discards_its_job(bench: Bench) -> None:
    await bench.add(2)
    wide, small = await bench.claim(await bench.node())
    output = "[" + ",".join(["1e300"] * 50_000) + "]"  # 300 kB here, 15 MB as jsonb's text

    acked = await bench.store.ack([ack_of(wide, output=output), ack_of(small, output="1")])

    assert (acked.written, acked.discarded) == (2, 1)
    (failure,) = (await bench.store.get(wide.id)).failures
    assert (failure.error_class, "job_output_size" in failure.message) == ("PayloadInvalid", True)


def test_every_statement_has_a_head_and_one_statement() -> None:
    for path in sorted((sql.SCHEMA / "queries").glob("*.sql")):
        head = path.read_text().partition("\n")[0]
        assert head.startswith("-- "), path.name
        assert ";" not in _statement(sql.load(path.stem)), path.name


def _statement(text: str) -> str:
    """Without comments, bodies of functions and texts."""
    code = "\n".join(line.partition("--")[0] for line in text.splitlines())
    return re.sub(r"\$(\w*)\$.*?\$\1\$|'[^']*'", "", code, flags=re.DOTALL)


async def test_a_client_of_one_parameter_enqueues(bench: Bench, tables: Tables) -> None:
    query = "SELECT * FROM headrace.enqueue_many(CAST(%s AS json))"
    with psycopg.connect(tables.url) as connection:
        rows = connection.execute(query, ['[{"kind":"k"}]']).fetchall()

    assert (await bench.store.get(rows[0][1])).kind == "k"
