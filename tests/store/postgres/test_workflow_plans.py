"""What workflows ask reads by index, and no more than it needs, in every state of the statistics.

Most of it is done by functions, whose plans EXPLAIN does not show: so it is counted what they read.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from actors.store.postgres import session_of
from actors.store.postgres.steps import record_statement
from actors.store.protocol import RunRecords
from runtime import sql
from runtime.workflow.records import Record, StepRecord
from tests.store.postgres.plans import explain
from tests.store.tables import NAMESPACE, Tables

PARENT, BOUNDED, RUNNING, SIGNALLED = (UUID(int=number) for number in range(1, 5))
CHILDREN = 1_000
STEPS = 3_000

_FILL = """
    INSERT INTO job (id, kind, state, finalized_at)
    SELECT gen_random_uuid(), 'k', 'completed', now() - interval '2 days'
    FROM generate_series(1, 5000);
    INSERT INTO job (id, kind, state, run_number)
    SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'flow', 'pending', 1
    FROM (VALUES (1), (2), (4)) AS parents (n);
    INSERT INTO job (id, kind, state, run_number, node_id)
    VALUES ('00000000-0000-0000-0000-000000000003', 'flow', 'running', 1, 1);
    INSERT INTO job (id, kind, state, parent_id, parent_place)
    SELECT
        gen_random_uuid(), 'child',
        CASE WHEN parent = 1 OR n <= 3 THEN 'available' ELSE 'pending' END::job_state,
        ('00000000-0000-0000-0000-00000000000' || parent)::uuid, '1'
    FROM generate_series(1, 1000) AS n, (VALUES (1), (2)) AS parents (parent);
    INSERT INTO step (job_id, place, op, name, done, run_number, max_in_flight)
    VALUES ('00000000-0000-0000-0000-000000000001', '1', 'map', 'child', false, 1, NULL),
        ('00000000-0000-0000-0000-000000000002', '1', 'map', 'child', false, 1, 5),
        ('00000000-0000-0000-0000-000000000004', '1', 'signal', 'go', false, 1, NULL);
    INSERT INTO step (job_id, place, op, name, done, run_number, output)
    SELECT '00000000-0000-0000-0000-000000000003', n::text, 'step', 's', true, 1, '1'
    FROM generate_series(1, 3000) AS n;
    -- These wait for a time, or for what never comes.
    INSERT INTO job (id, kind, state, run_number, scheduled_at)
    SELECT
        ('10000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'flow', 'scheduled', 1,
        now() + interval '1 year'
    FROM generate_series(1, 2000) AS n;
    INSERT INTO step (job_id, place, op, name, done, run_number)
    SELECT
        ('10000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, '1',
        (ARRAY['sleep', 'signal', 'event'])[1 + n % 3], 'never', false, 1
    FROM generate_series(1, 2000) AS n;
    -- These are paused.
    INSERT INTO job (id, kind, state, run_number, paused_at, paused_from)
    SELECT
        ('20000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'flow', 'pending', 1,
        now(), 'pending'
    FROM generate_series(1, 100) AS n;
    INSERT INTO signal (job_id, id, name, value)
    VALUES ('00000000-0000-0000-0000-000000000004', gen_random_uuid(), 'go', '1');
    INSERT INTO happening (name, value)
    SELECT 'past ' || n, '1' FROM generate_series(1, 1000) AS n;
"""


class Reader:
    """A session as the Store's own are."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._cursor = psycopg.RawCursor(connection)
        self._connection = connection
        for name, value in session_of(NAMESPACE).items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        connection.commit()

    def read(self, statement: str, *values: object) -> int:
        """Run and undo it: how many rows it has looked at. It reads no table whole."""
        before = self._scans()
        self._cursor.execute(sql.load(statement), values)
        found = self._scans()
        self._connection.rollback()
        whole = {name for name in found if found[name][0] > before[name][0]}
        # Nothing is kept in these but what has just come, or a few rows of people's.
        assert whole <= {"node", "leader", "waiter", "subscriber", "queue", "sequence_due"}, whole
        return sum(found[name][1] - before[name][1] for name in found)

    def _scans(self) -> dict[str, tuple[int, int]]:
        """By table: scans of all of it, and rows found by indexes; since some time ago."""
        rows = self._connection.execute(
            "SELECT relname, coalesce(seq_scan, 0), coalesce(idx_tup_fetch, 0)"
            " FROM pg_stat_xact_user_tables WHERE schemaname = %s",
            [NAMESPACE],
        ).fetchall()
        return {name: (scans, fetched) for name, scans, fetched in rows}


@pytest.fixture(params=["planned when empty", "never analysed", "analysed"])
def reader(request: pytest.FixtureRequest, tables: Tables) -> Iterator[Reader]:
    """Of tables that hold some of everything."""
    tables.connection.execute("DELETE FROM pg_statistic WHERE starelid = 'job'::regclass")
    with psycopg.connect(tables.url) as connection:
        reader = Reader(connection)
        if request.param == "planned when empty":
            for statement, values, _ in _asked():
                reader.read(statement, *values)
        tables.connection.execute(_FILL)
        if request.param == "analysed":
            tables.connection.execute("ANALYZE job, step, signal, happening")
        yield reader


WAITING, PAUSED = (
    [UUID(f"{first}0000000-0000-0000-0000-{number:012}") for number in range(1, 101)]
    for first in (1, 2)
)
STRANGERS = [uuid4() for _ in range(49)]


def _asked() -> list[tuple[str, tuple[object, ...], int]]:
    """Statements with what they take, and how many rows they may look at."""
    steps = Record(tuple(StepRecord(f"9{place}", "step", "s") for place in range(100)))
    record, columns = record_statement([RunRecords(RUNNING, 1, steps)])
    one, values = record_statement(
        [RunRecords(RUNNING, 1, Record((StepRecord("8x", "step", "s"),)))]
    )
    published = Record(tuple(StepRecord(f"9{n}", "publish", "s", publish=True) for n in range(100)))
    other, other_columns = record_statement([RunRecords(RUNNING, 1, published)])
    return [
        ("wake", ([PARENT],), 20),
        ("wake", ([BOUNDED],), 30),
        ("wake", ([SIGNALLED],), 20),
        ("wake", ([uuid4() for _ in range(100)],), 0),
        ("wake_event", ("never", 1_000), 0),
        ("sweep_waits", (1_000, None), 60),
        (record, tuple(columns), 310),
        (other, tuple(other_columns), 310),
        (one, tuple(values), 5),
        ("recall", (RUNNING, 1, None, 2_000, 4_000_000), 2_010),
        ("recall", (RUNNING, 1, "9", 2_000, 4_000_000), 1_200),
        ("recall_first", ([RUNNING, *STRANGERS], [1] * 50, 200, 65_536), 210),
        ("cancel", (SIGNALLED, "why", False), 20),
        ("jobs_cancel", (WAITING, "why", False), 1_000),
        ("jobs_cancel", ([BOUNDED, PARENT], None, True), 30),
        ("jobs_pause", (WAITING,), 300),
        ("jobs_resume", (PAUSED,), 1_000),
        ("jobs_resume", (WAITING,), 300),
        ("collect", (RUNNING, 1, [PARENT, BOUNDED, SIGNALLED], 4_000_000), 20),
    ]


def test_no_more_is_read_than_is_needed(reader: Reader) -> None:
    for statement, values, most in _asked():
        assert reader.read(statement, *values) <= most, (statement, values)


@pytest.mark.parametrize(
    "statement", ["record", "record_steps", "record_step", "recall", "recall_first", "collect"]
)
def test_a_workflows_statement_is_planned_by_indexes(tables: Tables, statement: str) -> None:
    asked = {name: values for name, values, _ in _asked()}

    plan = explain(tables, statement, *asked[statement])

    for table in ("job", "step", "signal", "published", "failure"):
        assert {kind for kind, _ in plan.scans_of(table)} <= {"Index Scan", "Index Only Scan"}
        assert plan.unbounded(table) == []
    assert not {"Hash Join", "Merge Join", "Bitmap Heap Scan"} & plan.types()
