"""A look at a graph reads by index, and no more the more of the graph has ended."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from tests.store.postgres.test_workflow_plans import Reader
from tests.store.tables import Tables

ROOT, FLOW = UUID(int=1), UUID(int=2)
WIDTH = 1_000

# Two graphs: a thousand jobs, of which all but the last have ended, and a thousand after these.
_FILL = """
    INSERT INTO job (id, kind, state, finalized_at)
    SELECT gen_random_uuid(), 'k', 'completed', now() - interval '2 days'
    FROM generate_series(1, 3000);
    INSERT INTO job (id, kind, state, run_number)
    SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'headrace.graph', 'pending', 1
    FROM (VALUES (1), (2)) AS roots (n);
    INSERT INTO job (id, kind, state, finalized_at, parent_id, parent_place)
    SELECT
        (root || lpad(n::text, 7, '0') || '-0000-0000-0000-000000000000')::uuid, 'child',
        CASE WHEN n < 1000 THEN 'completed' ELSE 'pending' END::job_state,
        CASE WHEN n < 1000 THEN now() END,
        ('00000000-0000-0000-0000-00000000000' || root)::uuid, '1'
    FROM generate_series(1, 2000) AS n, (VALUES (1), (2)) AS roots (root)
    WHERE n <> 1000;
    INSERT INTO job (id, kind, state, parent_id, parent_place)
    SELECT
        (root || '0001000-0000-0000-0000-000000000000')::uuid, 'child', 'available',
        ('00000000-0000-0000-0000-00000000000' || root)::uuid, '1'
    FROM (VALUES (1), (2)) AS roots (root);
    INSERT INTO step (job_id, place, op, name, done, run_number, mode)
    VALUES ('00000000-0000-0000-0000-000000000001', '1', 'graph', 'graph', false, 1, 'finish'),
        ('00000000-0000-0000-0000-000000000002', '1', 'map', 'graph', false, 1, 'stop');
    INSERT INTO dependency (
        parent_id, parent_place, number, watched, looked, hard, needed, waiting
    )
    SELECT
        ('00000000-0000-0000-0000-00000000000' || root)::uuid, '1', 1,
        (root || '0001000-0000-0000-0000-000000000000')::uuid, 1000, 1000,
        ARRAY(
            SELECT (root || lpad(n::text, 7, '0') || '-0000-0000-0000-000000000000')::uuid
            FROM generate_series(1, 1000) AS n
        ),
        ARRAY(
            SELECT (root || lpad(n::text, 7, '0') || '-0000-0000-0000-000000000000')::uuid
            FROM generate_series(1001, 2000) AS n
        )
    FROM (VALUES (1), (2)) AS roots (root);
"""


@pytest.fixture(params=["never analysed", "analysed"])
def reader(request: pytest.FixtureRequest, tables: Tables) -> Iterator[Reader]:
    tables.connection.execute("DELETE FROM pg_statistic WHERE starelid = 'job'::regclass")
    with psycopg.connect(tables.url) as connection:
        reader = Reader(connection)
        reader.read("wake", [ROOT])
        tables.connection.execute(_FILL)
        if request.param == "analysed":
            tables.connection.execute("ANALYZE job, step, dependency")
        yield reader


def test_a_look_at_a_graph_reads_nothing_of_what_has_ended(reader: Reader) -> None:
    assert reader.read("wake", [ROOT]) <= 15
    assert reader.read("wake", [FLOW]) <= 15
    assert reader.read("sweep_waits", 100, None) <= 40


def test_what_becomes_ready_is_all_that_is_changed(reader: Reader, tables: Tables) -> None:
    tables.connection.execute(
        "UPDATE job SET state = 'completed', finalized_at = now() WHERE state = 'available'"
    )
    # All that were needed are looked at once; each that begins is found, written, and seen to.
    assert reader.read("wake", [ROOT]) <= 5 * WIDTH
