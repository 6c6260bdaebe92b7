"""Hot statements use their indexes in every state of the statistics.

The table is empty, small or large, and has been analysed or not. HEADRACE_TEST_PLAN_ROWS sets the
size of the large one (100,000 unless set).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from runtime import job_filter
from runtime.job_filter import JobFilter
from tests.store.postgres.plans import explain
from tests.store.tables import Tables

LARGE = int(os.environ.get("HEADRACE_TEST_PLAN_ROWS", "100000"))

# A table's age: when a statement is planned, (rows then, analysed) and the rows that are there.
AGES = ["empty", "empty, analysed", "1000", "1000, analysed", "analysed when empty", "large"]

_IDS = [uuid4() for _ in range(1_000)]
_ONES = [1] * len(_IDS)
_NONE: list[None] = [None] * len(_IDS)


def values_of(statement: str, node_id: int) -> tuple[Any, ...]:
    """Parameters that a busy node would send."""
    return {
        "claim": (
            node_id,
            ["default", "other"],
            ['{"k"}', '{"k","l"}'],
            [500, 500],
            [_IDS[0], None],
        ),
        "ack_completed": (_IDS, _ONES, *([_NONE] * 4)),
        "ack": (
            _IDS,
            _ONES,
            ["completed"] * 1_000,
            [0.0] * 1_000,
            [True] * 1_000,
            _NONE,
            *([_NONE] * 10),
        ),
        "note": (_IDS, _ONES, _NONE, ["at work"] * 1_000, _NONE, ["[]"] * 1_000, _ONES, _ONES),
        "release": (_IDS, _ONES),
        "rescue": (1_000, 1),
        "stage": (1_000, 1),
        "expire": (1_000, 1),
        "prune": (["completed", "discarded"], [86_400.0, 604_800.0], 1_000, 1),
        "holdings": (node_id,),
        "awaiting_cancel": (node_id,),
        "awaiting_pause": (node_id,),
        "get": (_IDS[0],),
        "retry": (_IDS[0],),
        "delete": (_IDS[0],),
        "queues": (),
        "nodes": (),
        "served": (node_id, True),
    }[statement]


# How each statement may read the table job.
INDEXES = {
    "claim": {"job_claim", "job_pkey"},
    "ack_completed": {"job_pkey"},
    "ack": {"job_pkey"},
    "note": {"job_pkey"},
    "release": {"job_pkey"},
    "rescue": {"job_running", "job_pkey"},
    "stage": {"job_due", "job_pkey"},
    "expire": {"job_expires", "job_pkey"},
    "prune": {"job_finalized", "job_running", "job_pkey"},
    "holdings": {"job_running"},
    "awaiting_cancel": {"job_running"},
    "awaiting_pause": {"job_running"},
    "get": {"job_pkey"},
    "retry": {"job_pkey"},
    "delete": {"job_pkey"},
    "queues": {"job_claim"},
    "nodes": {"job_running"},
    "served": {"job_claim"},
}

# Each of these may read an index whole: job_running is as small as the nodes; the first
# step of a loose scan takes one entry of job_claim.
WHOLE = {"rescue", "prune", "served"}


def fill(tables: Tables, rows: int) -> None:
    """Rows as a busy namespace has them: most are final, some wait, a few run."""
    tables.connection.execute(
        """
        INSERT INTO job (id, kind, queue, priority, state, scheduled_at, finalized_at, node_id)
        SELECT
            uuid7(n), 'k', CASE WHEN n % 10 = 0 THEN 'other' ELSE 'default' END, 1 + n % 4,
            sort.state::job_state, now() - interval '1 day' + n * interval '1 s',
            CASE WHEN sort.state IN ('completed', 'discarded') THEN now() - interval '2 days' END,
            CASE WHEN sort.state = 'running' THEN 1 + n % 3 END
        FROM generate_series(1, %s) AS n,
        LATERAL (
            SELECT CASE
                WHEN n %% 100 < 60 THEN 'completed' WHEN n %% 100 < 65 THEN 'discarded'
                WHEN n %% 100 < 90 THEN 'available' WHEN n %% 100 < 95 THEN 'scheduled'
                WHEN n %% 100 < 98 THEN 'retryable' ELSE 'running'
            END AS state
        ) AS sort
        """.replace("n % ", "n %% "),
        [rows],
    )


@pytest.fixture(params=AGES)
def aged(request: pytest.FixtureRequest, tables: Tables) -> Iterator[Tables]:
    """Tables of a certain age."""
    age: str = request.param
    run = tables.connection.execute
    run("ALTER TABLE job SET (autovacuum_enabled = off)")
    _forget_statistics(tables)
    if age == "analysed when empty":
        run("ANALYZE job")
    if not age.startswith("empty"):
        fill(tables, 1_000 if age.startswith("1000") else LARGE)
    if age.endswith(", analysed") or age == "large":
        run("ANALYZE job")
    yield tables
    tables.empty()
    run("ALTER TABLE job RESET (autovacuum_enabled)")


def _forget_statistics(tables: Tables) -> None:
    """As if the table had never been analysed: TRUNCATE forgets its size, this the rest."""
    tables.connection.execute("DELETE FROM pg_statistic WHERE starelid = 'job'::regclass")


def test_every_hot_statement_uses_its_index(aged: Tables) -> None:
    for statement in sorted(INDEXES):
        plan = explain(aged, statement, *values_of(statement, 1))

        scans = plan.scans_of("job")
        assert {index for _, index in scans} <= INDEXES[statement], statement
        assert {kind for kind, _ in scans} <= {"Index Scan", "Index Only Scan"}, statement
        assert not {"Hash Join", "Merge Join", "Bitmap Heap Scan"} & plan.types(), statement
        if statement not in WHOLE:
            assert plan.unbounded("job") == [], statement


@pytest.fixture
def filled(tables: Tables) -> Tables:
    """A table of some size, never analysed."""
    fill(tables, 20_000)
    _forget_statistics(tables)
    return tables


def _join(tables: Tables) -> int:
    row = tables.connection.execute(
        "INSERT INTO node (name, host, boot_id, pid, pid_started, version, queues, workers,"
        " expires_at) VALUES ('n', 'h', 'b', 1, '0', '0', '{}', 1, now() + interval '1 h')"
        " RETURNING id"
    ).fetchone()
    assert row is not None
    node_id: int = row[0]
    return node_id


def test_a_claim_reads_as_many_jobs_as_it_takes(filled: Tables) -> None:
    node_id = _join(filled)

    plan = explain(filled, "claim", node_id, ["default"], ['{"k"}'], [100], [None], analyse=True)

    assert plan.rows_read("job") == 200  # once to lock, once to update


def test_a_claim_behind_a_job_does_not_read_what_is_in_front(filled: Tables) -> None:
    node_id = _join(filled)
    (mark,) = filled.connection.execute(
        """
        UPDATE job SET attempted_at = now()
        WHERE id = (
            SELECT id FROM job WHERE state = 'available' AND queue = 'default'
            ORDER BY priority, scheduled_at, id OFFSET 1000 LIMIT 1
        )
        RETURNING id
        """
    ).fetchall()[0]

    plan = explain(filled, "claim", node_id, ["default"], ['{"k"}'], [100], [mark], analyse=True)

    assert plan.rows_read("job") == 201


def test_stage_reads_as_many_jobs_as_it_takes(filled: Tables) -> None:
    plan = explain(filled, "stage", 100, None, analyse=True)

    assert plan.rows_read("job") == 200


def test_prune_reads_as_many_jobs_as_it_takes(filled: Tables) -> None:
    plan = explain(filled, "prune", ["completed"], [86_400.0], 100, None, analyse=True)

    assert plan.rows_read("job") == 200


def test_an_ack_reads_its_own_jobs(filled: Tables) -> None:
    ids = [
        row[0]
        for row in filled.connection.execute(
            "SELECT id FROM job WHERE state = 'running' LIMIT 100"
        ).fetchall()
    ]

    plan = explain(filled, "ack_completed", ids, [0] * 100, *([[None] * 100] * 4), analyse=True)

    assert plan.rows_read("job") == 100


def test_a_filter_is_planned_for_what_it_says(filled: Tables) -> None:
    """Of what a list or a change asks for most, no more is read than an index has of it."""
    filled.connection.execute(
        "UPDATE job SET finalized_at = scheduled_at WHERE finalized_at IS NOT NULL"
    )
    filled.connection.execute("ANALYZE job")
    (known,) = filled.connection.execute("SELECT id FROM job LIMIT 1").fetchall()[0]
    waiting = JobFilter(state="scheduled")
    running = JobFilter(state="running")

    def read(statement: str, wanted: JobFilter, *rest: Any) -> tuple[set[str | None], int]:
        values = (*job_filter.values_of(wanted), *rest)
        plan = explain(filled, statement, *values, analyse=True, freely=True)
        assert "Seq Scan" not in plan.types()
        indexes = {node.get("Index Name") for node in plan.nodes}
        return {name for name in indexes if name and name.startswith("job_")}, plan.rows_read("job")

    assert read("jobs", JobFilter(), None, 10) == ({"job_pkey"}, 10)
    assert read("jobs", JobFilter(id=known), None, 10) == ({"job_pkey"}, 1)
    assert read("jobs", running, None, 1_000) == ({"job_running"}, 400)
    indexes, rows = read("jobs", JobFilter(state="available", queue="other"), None, 2_000)
    assert (indexes, rows) == ({"job_claim"}, 400)
    assert read("jobs_tally", waiting, None)[0] == {"job_due"}
    ended = read("jobs_finalized", JobFilter(), ["completed", "discarded"], None, None, 20)
    assert ended[0] == {"job_finalized"}
    assert ended[1] <= 50
    now = filled.connection.execute("SELECT now()").fetchall()[0][0]
    assert read("jobs_lock", running, None, now, 1_000)[0] == {"job_running", "job_pkey"}
