"""Our own migrations: they go all the way up, and all the way back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.store.bridge import open_bridge
from actors.store.migrate import Migrator
from runtime.sql import SCHEMA, newest_migration
from tests.store.tables import Tables

_OBJECTS = """
    SELECT relname::text FROM pg_class WHERE relnamespace = 'up_and_down'::regnamespace
    UNION ALL SELECT typname FROM pg_type
    WHERE typnamespace = 'up_and_down'::regnamespace AND typtype IN ('d', 'e')
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'up_and_down'::regnamespace
    ORDER BY 1
"""


@pytest.fixture
def elsewhere(tables: Tables) -> Iterator[Tables]:
    """A namespace of the test's own."""
    other = Tables(tables.url, "up_and_down")
    yield other
    other.connection.execute("DROP SCHEMA IF EXISTS up_and_down CASCADE")
    other.close()


async def test_they_go_up_and_down_and_up_again(elsewhere: Tables) -> None:
    def objects() -> list[str]:
        return [name for (name,) in elsewhere.connection.execute(_OBJECTS.encode()).fetchall()]

    async with open_bridge(elsewhere.url, max_size=2) as bridge:
        migrator = Migrator(bridge, "up_and_down")
        await migrator.up()
        first = objects()
        assert {"job", "job_claim", "job_state", "enqueue", "notify_finished"} <= set(first)

        await migrator.down(0)
        assert {name for name in objects() if not name.startswith("migration")} == set()

        await migrator.up()
        assert objects() == first


async def test_functions_that_workflows_change_return_to_what_they_were(elsewhere: Tables) -> None:
    def functions() -> list[tuple[object, ...]]:
        return elsewhere.connection.execute(
            "SELECT oid::regprocedure::text, prosrc, proconfig FROM pg_proc"
            " WHERE pronamespace = 'up_and_down'::regnamespace ORDER BY 1"
        ).fetchall()

    async with open_bridge(elsewhere.url, max_size=2) as bridge:
        migrator = Migrator(bridge, "up_and_down")
        await migrator.up(28)
        before = functions()
        await migrator.up()
        assert before != [one for one in functions() if one[0] in {name for name, *_ in before}]
        await migrator.down(28)

    assert functions() == before


async def test_what_waits_for_children_runs_again_where_workflows_are_taken_out(
    elsewhere: Tables,
) -> None:
    async with open_bridge(elsewhere.url, max_size=2) as bridge:
        await Migrator(bridge, "up_and_down").up()
        elsewhere.connection.execute(
            """
            INSERT INTO job (id, kind, state, run_number, parent_id, parent_place, key, sequence)
            VALUES
                (gen_random_uuid(), 'suspended', 'pending', 1, NULL, NULL, NULL, false),
                (gen_random_uuid(), 'held', 'pending', 0, gen_random_uuid(), '1', NULL, false),
                (gen_random_uuid(), 'ahead', 'available', 0, NULL, NULL, 'k', true),
                (gen_random_uuid(), 'behind', 'available', 0, NULL, NULL, 'k', true);
            """
        )

        await Migrator(bridge, "up_and_down").down(28)

    found = elsewhere.connection.execute(
        "SELECT kind, state::text FROM job WHERE NOT sequence ORDER BY kind"
    ).fetchall()
    assert found == [("held", "available"), ("suspended", "available")]
    waiting = elsewhere.connection.execute(
        "SELECT state::text FROM job WHERE sequence ORDER BY state"
    ).fetchall()
    assert waiting == [("available",), ("pending",)]  # in its turn, still


def test_every_index_is_valid_and_partial_but_the_keys(tables: Tables) -> None:
    rows = tables.connection.execute(
        "SELECT indexrelid::regclass::text, indisvalid, indpred IS NOT NULL FROM pg_index"
        " WHERE indrelid = 'job'::regclass ORDER BY 1"
    ).fetchall()

    assert all(valid for _, valid, _ in rows)
    assert [name for name, _, partial in rows if not partial] == ["job_pkey"]
    named = {name for name, _, _ in rows}
    assert {"job_claim", "job_due", "job_finalized", "job_running", "job_unique"} <= named


def test_every_migration_says_what_it_locks_and_whether_it_is_safe() -> None:
    ups = [
        path
        for path in sorted((SCHEMA / "migrations").glob("*.sql"))
        if not path.name.endswith(".down.sql")
    ]

    assert len(ups) == newest_migration()
    for path in ups:
        text = path.read_text()
        assert "-- Locks:" in text, path.name
        assert "-- Safe while serving:" in text, path.name
        assert path.with_suffix(".down.sql").exists(), path.name


def test_every_constraint_has_a_name_of_ours(tables: Tables) -> None:
    rows = tables.connection.execute(
        "SELECT conname FROM pg_constraint WHERE connamespace = 'headrace'::regnamespace"
        " AND contype = 'c' ORDER BY 1"
    ).fetchall()

    assert all(not name.endswith(("_check", "_check1")) for (name,) in rows)
