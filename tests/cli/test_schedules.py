"""`schedule` and `maintain` on a real database."""

from __future__ import annotations

import psycopg

from tests.cli.conftest import Cli


def test_a_schedule_is_made_listed_changed_and_deleted(on: Cli) -> None:
    times = ["--cron", "0 3 * * *", "--timezone", "Europe/Berlin", "--catch-up", "5"]
    job = ["--queue", "q", "--tag", "a", "--metadata", '{"m":1}', "--no-overlap"]
    made = on("schedule", "create", "nightly", "report", '{"days":1}', *times, *job, "--json").json
    assert (made["kind"], made["queue"], made["args"]) == ("report", "q", {"days": 1})
    assert (made["cron"], made["timezone"], made["catch_up"]) == ("0 3 * * *", "Europe/Berlin", 5)
    assert (made["overlap"], made["tags"], made["metadata"]) == (False, ["a"], {"m": 1})
    listed = on("schedule", "list").out.splitlines()
    assert listed[0].split()[:4] == ["NAME", "KIND", "QUEUE", "TIMES"]
    assert "0 3 * * * (Europe/Berlin)" in listed[1]
    assert on("schedule", "show", "nightly", "--json").json["name"] == "nightly"

    changed = on("schedule", "update", "nightly", "--every", "60", "--json").json
    assert (changed["interval_seconds"], changed["catch_up"]) == (60.0, 5)
    assert changed["overlap"] is False
    changed = on("schedule", "update", "nightly", "other", "{}", "--priority", "3", "--json").json
    assert (changed["kind"], changed["priority"], changed["queue"]) == ("other", 3, "default")
    on("schedule", "delete", "nightly")
    assert on("schedule", "list", "--json").json == []


def test_pause_resume_trigger_and_next(on: Cli) -> None:
    on("schedule", "create", "tick", "k", "--every", "60")
    (paused,) = on("schedule", "pause", "tick", "--json").json
    assert paused["paused_at"]
    assert "paused" in on("schedule", "list").out
    assert "active" in on("schedule", "resume", "tick").out
    job_id = on("schedule", "trigger", "tick").out.strip()
    assert on("job", "show", job_id, "--json").json["metadata"]["schedule"] == "tick"
    assert len(on("schedule", "next", "tick", "--count", "3", "--json").json) == 3
    assert len(on("schedule", "next", "tick").out.splitlines()) == 11


def test_what_cannot_be_is_one_clear_line(on: Cli) -> None:
    def refused(*arguments: str) -> str:
        return on("schedule", *arguments, status=2).err

    assert "Bad day-of-month" in refused("create", "x", "k", "--cron", "0 0 31 2 *")
    assert "no time zone" in refused("create", "x", "k", "--cron", "@daily", "--timezone", "N/A")
    assert "every is -5" in refused("create", "x", "k", "--every", "-5")
    assert "say when it fires" in refused("create", "x", "k")
    assert "not both" in refused("create", "x", "k", "--every", "5", "--cron", "@daily")
    assert "catch_up is" in refused("create", "x", "k", "--every", "5", "--catch-up", "some")
    on("schedule", "create", "x", "k", "--every", "5")
    assert "already" in refused("create", "x", "k", "--every", "5")
    assert "with their KIND" in refused("update", "x", "--queue", "q")
    assert "no schedule 'y'" in on("schedule", "pause", "y", status=1).err


def test_indexes_are_shown_and_built_anew(on: Cli) -> None:
    shown = on("maintain", "reindex", "--dry-run", "--json").json
    by_name = {each["name"]: each for each in shown}
    assert {"job_pkey", "job_claim", "schedule_due"} <= set(by_name)
    assert not any(each["rebuild"] for each in shown)  # all of them are new
    assert on("maintain", "reindex", "--json").json == []

    rebuilt = on("maintain", "reindex", "job_claim", "job_due", "--json").json

    assert {each["index"] for each in rebuilt} == {"job_claim", "job_due"}
    assert "no such index" in on("maintain", "reindex", "job_nothing", status=2).err


def test_a_queue_keeps_its_jobs_for_a_time_of_its_own(on: Cli) -> None:
    kept = on("queue", "keep", "media", "--completed", "60", "--discarded", "0", "--json").json
    assert kept == {"media": {"completed": 60.0, "cancelled": None, "discarded": 0.0}}
    assert on("queue", "kept").out.splitlines()[1].split() == ["media", "60", "-", "0"]
    assert "completed is 0 to" in on("queue", "keep", "media", "--completed", "-1", status=2).err


def test_check_tells_what_keeps_the_tables_from_their_upkeep(on: Cli, migrated_url: str) -> None:
    sound = {each["subject"]: each["level"] for each in on("check", "--json").json}
    assert sound["indexes"] == "ok"
    assert "autovacuum" not in sound
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE headrace.job SET (autovacuum_enabled = off)")
        connection.execute("ALTER TABLE headrace.failure RESET (autovacuum_vacuum_scale_factor)")
        connection.execute(
            "INSERT INTO headrace.schedule (name, kind, cron, problem)"
            " VALUES ('never', 'k', '0 0 31 2 *', 'Bad day-of-month')"
        )
    told = on("check", status=1).out
    assert "switched off for job" in told
    assert "missing on failure" in told
    assert "never cannot be planned" in told
