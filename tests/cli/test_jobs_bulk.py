"""`job list`, `count` and the changes of many jobs, with conditions, on a real database."""

from __future__ import annotations

import io

import psycopg
import pytest

from tests.cli.conftest import Cli
from tests.cli.test_jobs import ID, execute


class Terminal(io.StringIO):
    """stdin of somebody who sits there."""

    def isatty(self) -> bool:
        return True


def fill(url: str) -> None:
    """Of the kind a: two available in q1 and one running; of the kind b: one that failed."""
    execute(
        url,
        "INSERT INTO headrace.job (id, kind, queue, state, node_id, finalized_at, tags, metadata)"
        " SELECT headrace.uuid7(n), CASE WHEN n < 4 THEN 'a' ELSE 'b' END,"
        " CASE WHEN n < 3 THEN 'q1' ELSE 'q2' END,"
        " (ARRAY['available', 'available', 'running', 'discarded'])[n]::headrace.job_state,"
        " CASE WHEN n = 3 THEN 1 END, CASE WHEN n = 4 THEN now() END,"
        " CASE WHEN n = 1 THEN ARRAY['x', 'y'] ELSE ARRAY['x'] END,"
        " jsonb_build_object('n', n) FROM generate_series(1, 4) AS n",
    )


def test_lists_take_all_conditions(on: Cli, migrated_url: str) -> None:
    fill(migrated_url)

    def listed(*flags: object) -> list[int]:
        return [job["metadata"]["n"] for job in on("job", "list", *flags, "--json").json]

    assert listed("--state", "available", "--state", "running") == [3, 2, 1]
    assert listed("--tag", "x", "--tag", "y") == [1]
    assert listed("--metadata", '{"n": 2}') == [2]
    assert listed("--kind", "a", "--any-tag", "y", "--queue", "q1") == [1]
    assert listed("--created-until", "1h") == []
    assert listed("--created-since", "1h", "--order", "finalized") == [4]
    assert "is no JSON object" in on("job", "list", "--metadata", "[1]", status=2).err
    assert "2027-01-31" in on("job", "list", "--created-since", "monday", status=2).err


def test_counts_are_by_state_and_by_queue(on: Cli, migrated_url: str) -> None:
    fill(migrated_url)

    assert on("job", "count", "--json").json["available"] == 2
    assert on("job", "count", "--exact", "--json").json == on("job", "count", "--json").json
    assert on("job", "count", "--kind", "b", "--json").json["available"] == 0
    assert on("job", "count", "--by-queue", "--json").json == [
        {"queue": "q1", "state": "available", "jobs": 2},
        {"queue": "q2", "state": "running", "jobs": 1},
        {"queue": "q2", "state": "discarded", "jobs": 1},
    ]
    on("job", "count", "--by-queue", "--kind", "a", status=2)


def test_counts_that_a_restore_made_wrong_are_repaired(on: Cli, migrated_url: str) -> None:
    execute(migrated_url, "ALTER TABLE headrace.job DISABLE TRIGGER ALL")
    fill(migrated_url)
    execute(migrated_url, "ALTER TABLE headrace.job ENABLE TRIGGER ALL")
    assert on("job", "count", "--json").json["available"] == 0

    assert "3 counts were wrong" in on("job", "count", "--repair").err
    assert on("job", "count", "--json").json == on("job", "count", "--exact", "--json").json
    assert "all counts were right" in on("job", "count", "--repair").err


def test_many_are_changed_by_conditions(on: Cli, migrated_url: str) -> None:
    fill(migrated_url)

    planned = on("job", "delete", "--kind", "a", "--dry-run", "--json").json
    assert (planned["changed"], planned["running"], planned["dry_run"]) == (2, 1, True)
    moved = on("job", "move", "--state", "available", "--to-queue", "q3", "--to-priority", 4)
    assert moved.out.splitlines()[1].split() == ["2", "moved"]
    assert on("job", "reschedule", "--queue", "q3", "--delay", 60, "--json").json["changed"] == 2
    cancelled = on("job", "cancel", "--kind", "a", "--batch", 2)
    assert "cancelled" in cancelled.out
    assert "were asked" in cancelled.out
    assert "2 jobs so far" in cancelled.err
    assert on("job", "retry", "--all", "--limit", 1, "--json").json["changed"] == 1
    deleted = on("job", "delete", "--all").out
    assert "left, as they run" in deleted
    assert [job["metadata"]["n"] for job in on("job", "list", "--json").json] == [3]


def test_on_a_terminal_it_asks_first(
    on: Cli, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(migrated_url)

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert "delete 3 jobs?" in on("job", "delete", "--kind", "a", status=130).err
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    on("job", "cancel", "--state", "available")
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert on("job", "delete", "--state", "cancelled", "--yes", "--json").json["changed"] == 2


def test_an_optional_index_is_built_used_and_dropped(on: Cli, migrated_url: str) -> None:
    fill(migrated_url)
    assert on("job", "index", "--json").json == []

    for by in ("metadata", "args", "tags"):
        on("job", "index", by)
    on("job", "index", "tags")  # it is there
    made = on("job", "index", "--json").json
    assert [(each["by"], each["valid"]) for each in made] == [
        ("args", True),
        ("metadata", True),
        ("tags", True),
    ]
    plan = (
        "EXPLAIN SELECT FROM headrace.job WHERE metadata @> '{\"n\": 2}'",
        "EXPLAIN SELECT FROM headrace.job WHERE tags @> ARRAY['y']",
    )
    with psycopg.connect(migrated_url) as connection:
        connection.execute("SET enable_seqscan = off")
        told = [str(connection.execute(each.encode()).fetchall()) for each in plan]
    assert ["job_by_metadata" in told[0], "job_by_tags" in told[1]] == [True, True]
    assert len(on("job", "list", "--metadata", '{"n": 2}', "--json").json) == 1
    for by in ("metadata", "args", "tags"):
        made = on("job", "index", by, "--drop", "--json").json
    assert made == []


def test_what_makes_no_sense_is_refused(on: Cli) -> None:
    for arguments, part in [
        (("cancel",), "which jobs?"),
        (("delete", ID, "--kind", "a"), "not both"),
        (("reschedule", "--kind", "a"), "one of them"),
        (("reschedule", "--kind", "a", "--delay", "-1"), "delay"),
        (("move", "--kind", "a"), "one of them at least"),
        (("retry", "--kind", "a", "--resume", "x"), "resume"),
    ]:
        assert part in on("job", *arguments, status=2).err


def test_jobs_are_paused_and_resumed_by_id_and_by_conditions(on: Cli, migrated_url: str) -> None:
    fill(migrated_url)

    def states(*flags: object) -> list[str]:
        return [job["state"] for job in on("job", "list", *flags, "--json").json]

    ids = [job["id"] for job in on("job", "list", "--state", "available", "--json").json]
    paused = on("job", "pause", ids[0], "--json").json
    assert [(job["state"], job["paused_at"] is not None) for job in paused] == [("pending", True)]
    assert "pending (paused)" in on("job", "show", ids[0]).out
    assert states("--paused") == ["pending"]
    told = on("job", "pause", "--queue", "q1", "--queue", "q2", "--json").json
    assert (told["changed"], told["asked"], told["skipped"]) == (2, 1, 1)
    assert states("--paused") == ["running", "pending", "pending"]
    assert states("--not-paused") == ["discarded"]
    resumed = on("job", "resume", *ids, "--json").json
    assert [(job["state"], job["paused_at"]) for job in resumed] == [("available", None)] * 2
    assert "1     running: resumed as they run" in on("job", "resume", "--paused").out
    assert states("--paused") == []


def test_a_workflow_that_cleans_up_is_told_but_by_force(on: Cli, migrated_url: str) -> None:
    fill(migrated_url)
    execute(
        migrated_url,
        "UPDATE headrace.job SET run_number = 1, state = 'pending' WHERE queue = 'q1'",
    )
    execute(
        migrated_url,
        "INSERT INTO headrace.step (job_id, place, op, name, done, run_number)"
        " SELECT id, '0.0.1', 'signal', 'headrace.cancel', false, 1 FROM headrace.job",
    )
    ids = [job["id"] for job in on("job", "list", "--queue", "q1", "--json").json]
    told = on("job", "cancel", ids[0], "--reason", "enough", "--json").json
    assert [(job["state"], job["cancel_reason"]) for job in told] == [("available", "enough")]
    assert "available (cancel requested)" in on("job", "show", ids[0]).out
    ended = on("job", "cancel", "--queue", "q1", "--force", "--json").json
    assert ended["changed"] == 2
    listed = on("job", "list", "--queue", "q1", "--json").json
    assert [job["state"] for job in listed] == ["cancelled"] * 2
