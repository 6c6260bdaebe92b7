"""`enqueue` and `job` on a real database."""

from __future__ import annotations

import io
import uuid

import psycopg
import pytest

from tests.cli.conftest import Cli

ID = "01900000-0000-7000-8000-000000000001"


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_a_job_is_added_listed_and_shown(on: Cli) -> None:
    added = on("enqueue", "resize", '{"path": "a.png"}', "--tag", "a", "--tag", "b").out.strip()
    listed = on("job", "list").out.splitlines()
    assert listed[0].split()[:4] == ["ID", "STATE", "KIND", "QUEUE"]
    assert listed[1].split()[:4] == [added, "available", "resize", "default"]
    (as_json,) = on("job", "list", "--json").json
    assert as_json["args"] == {"path": "a.png"}
    assert as_json["tags"] == ["a", "b"]
    shown = on("job", "show", added).out
    assert 'args                 {"path":"a.png"}' in shown
    assert on("job", "show", added, "--json").json["id"] == added


def test_all_options_of_a_job_are_kept(on: Cli) -> None:
    at = "2099-01-31T08:00:00+01:00"
    options = ["--queue", "q", "--priority", "3", "--max-attempts", "2", "--timeout", "1.5"]
    on("enqueue", "k", "--at", at, "--id", ID, "--metadata", '{"m":1}', *options)
    job = on("job", "show", ID, "--json").json
    assert job["scheduled_at"] == "2099-01-31T07:00:00Z"
    assert (job["queue"], job["priority"], job["max_attempts"]) == ("q", 3, 2)
    assert (job["timeout_seconds"], job["metadata"]) == (1.5, {"m": 1})
    assert job["state"] == "scheduled"


def test_repeating_an_id_adds_nothing(on: Cli) -> None:
    assert on("enqueue", "k", "--id", ID, "--json").json["inserted"] is True
    again = on("enqueue", "k", "--id", ID)
    assert "was there already" in again.err
    assert again.out.strip() == ID
    assert len(on("job", "list", "--json").json) == 1


def test_args_may_come_from_stdin(on: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 1}'))
    added = on("enqueue", "k", "-").out.strip()
    assert on("job", "show", added, "--json").json["args"] == {"a": 1}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("k", "[1]"), "args at $: must be a JSON object"),
        (("k", "{"), "is no usable JSON"),
        (("k", "{}", "--delay", "1", "--at", "2099-01-01T00:00:00Z"), "give one of them"),
        (("k", "{}", "--delay", "-1"), "delay"),
        (("", "{}"), "kind"),
    ],
)
def test_what_cannot_be_a_job_is_refused_and_not_written(
    on: Cli, arguments: tuple[str, ...], part: str
) -> None:
    assert part in on("enqueue", *arguments, status=2).err
    assert on("job", "list", "--json").json == []


def test_a_payload_over_the_limit_is_refused(on: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_PAYLOAD_LIMIT_BYTES", "2048")
    monkeypatch.setenv("HEADRACE_PAYLOAD_WARN_BYTES", "1024")
    refused = on("enqueue", "k", '{"a": "' + "x" * 3000 + '"}', status=2)
    assert "the limit is 2,048" in refused.err


def test_jobs_are_filtered_counted_and_paged(on: Cli) -> None:
    ids = [on("enqueue", "a", "--queue", "q1", "--tag", "t").out.strip() for _ in range(3)]
    on("enqueue", "b", "--delay", "60")
    assert len(on("job", "list", "--kind", "a", "--json").json) == 3
    assert len(on("job", "list", "--state", "scheduled", "--json").json) == 1
    assert len(on("job", "list", "--queue", "q1", "--tag", "t", "--json").json) == 3
    page = on("job", "list", "--kind", "a", "--limit", "2")
    assert f"--before {ids[1]}" in page.err
    (last,) = on("job", "list", "--kind", "a", "--before", ids[1], "--json").json
    assert last["id"] == ids[0]
    counts = on("job", "count", "--json").json
    assert (counts["available"], counts["scheduled"], counts["running"]) == (3, 1, 0)
    assert "available  3" in on("job", "count").out


def test_a_job_is_cancelled_retried_and_deleted(on: Cli) -> None:
    added = on("enqueue", "k").out.strip()
    assert " cancelled " in on("job", "cancel", added).out
    assert on("job", "retry", added, "--json").json[0]["state"] == "available"
    assert "deleted" in on("job", "delete", added).out
    assert on("job", "list", "--json").json == []


def test_a_running_job_is_not_deleted_and_its_cancellation_shows(
    on: Cli, migrated_url: str
) -> None:
    added = on("enqueue", "k").out.strip()
    execute(migrated_url, "UPDATE headrace.job SET state = 'running', node_id = 1, run_number = 1")
    assert "cancel it first" in on("job", "delete", added, status=1).out
    assert on("job", "delete", added, "--json", status=1).json == [{"id": added, "deleted": False}]
    assert "running (cancel requested)" in on("job", "cancel", added).out


def test_failures_are_shown_with_the_death_of_the_child(on: Cli, migrated_url: str) -> None:
    added = on("enqueue", "k").out.strip()
    execute(
        migrated_url,
        "INSERT INTO headrace.failure VALUES"
        f" ('{added}', 1, 1, '2026-01-01Z', 'n:1', 'ChildDied', 'it died', 'stack', 77, NULL,"
        " 'SIGSEGV')",
    )
    shown = on("job", "show", added).out
    assert "run 1 (attempt 1) failed at 2026-01-01 00:00:00Z on n:1" in shown
    for line in ("ChildDied: it died", "pid 77", "signal SIGSEGV", "stack"):
        assert f"  {line}\n" in shown


@pytest.mark.parametrize("command", ["show", "cancel", "retry", "delete"])
def test_a_job_that_is_not_there_is_an_error_in_one_line(on: Cli, command: str) -> None:
    ended = on("job", command, uuid.UUID(int=7), status=1)
    assert ended.err.startswith("headrace: no job 00000000-0000-0000-0000-000000000007")
    assert ended.err.count("\n") == 1


def test_no_id_is_a_usage_error(on: Cli) -> None:
    on("job", "cancel", status=2)
    on("job", "show", "nonsense", status=2)


def test_a_cancellation_has_a_reason(on: Cli) -> None:
    added = on("enqueue", "k").out.strip()
    (cancelled,) = on("job", "cancel", added, "--reason", "no use", "--json").json
    assert (cancelled["state"], cancelled["cancel_reason"]) == ("cancelled", "no use")
    (update,) = on("job", "show", added, "--follow", "--json").out.splitlines()
    assert '"state":"cancelled"' in update
    assert on("job", "show", added, "--follow").out.startswith("cancelled (run 0, attempt 0/25)")
