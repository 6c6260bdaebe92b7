"""`dead list`, `show`, `retry` and `export`, on a real database."""

from __future__ import annotations

import json

from tests.cli.conftest import Cli
from tests.cli.test_jobs import execute


def fill(url: str) -> None:
    """Three dead jobs, of the kinds a, a and b, in the order of their end, and one that lives."""
    execute(
        url,
        "INSERT INTO headrace.job (id, kind, state, finalized_at, run_number, attempt)"
        " SELECT headrace.uuid7(n), CASE WHEN n < 3 THEN 'a' ELSE 'b' END,"
        " CASE WHEN n < 4 THEN 'discarded' ELSE 'available' END::headrace.job_state,"
        " CASE WHEN n < 4 THEN now() + n * interval '1 s' END, 1, 1"
        " FROM generate_series(1, 4) AS n",
    )
    execute(
        url,
        "INSERT INTO headrace.failure"
        " (job_id, run_number, attempt, error_class, message, peak_rss_kib, cpu_seconds)"
        " SELECT id, 1, 1, 'OutOfMemory', 'over its limit', 4321, 0.5 FROM headrace.job",
    )


def test_dead_letters_are_listed_shown_exported_and_retried(on: Cli, migrated_url: str) -> None:
    fill(migrated_url)

    listed = on("dead", "list", "--json").json
    assert [job["kind"] for job in listed] == ["b", "a", "a"]
    assert "OutOfMemory" in on("dead", "list", "--limit", 2).out
    assert "--before" in on("dead", "list", "--limit", 2).err
    shown = on("dead", "show", listed[0]["id"]).out
    assert "over its limit" in shown
    assert "peak memory, KiB 4321" in shown

    lines = [json.loads(line) for line in on("dead", "export").out.splitlines()]
    assert [line["id"] for line in lines] == [job["id"] for job in reversed(listed)]
    rest = on("dead", "export", "--after", lines[0]["cursor"]).out.splitlines()
    assert [json.loads(line)["id"] for line in rest] == [line["id"] for line in lines[1:]]
    assert on("dead", "export", "--kind", "b").out.count("\n") == 1

    assert "which ones" in on("dead", "retry", status=2).err
    assert on("dead", "retry", "--kind", "b", "--json").json["changed"] == 1
    assert "made available" in on("dead", "retry", lines[0]["id"]).out
    assert "no dead letters" in on("dead", "retry", lines[0]["id"], status=1).err
    assert "only discarded ones" in on("dead", "show", lines[0]["id"], status=2).err
    assert on("dead", "retry", "--all", "--json").json["changed"] == 1
    assert on("dead", "list", "--json").json == []
