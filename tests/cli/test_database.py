"""`migrate`, `queue`, `node` and `check` on real databases, also on those that are not as they
should be."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Cli
from tests.cli.test_jobs import execute

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def test_migrations_go_up_and_down_and_are_told(cli: Cli, database_url: str) -> None:
    there = ("--database-url", database_url)
    before = cli("migrate", "status", *there, "--json", status=78).json
    assert before["current"] == 0
    assert before["pending"][0] == "001_jobs"
    planned = cli("migrate", "up", *there, "--dry-run").out
    assert "CREATE TABLE job (" in planned
    assert cli("migrate", "status", *there, "--json", status=78).json == before
    assert "001_jobs" in cli("migrate", "up", *there).out
    assert "nothing to do" in cli("migrate", "up", *there).err
    assert "pending          -" in cli("migrate", "status", *there).out
    assert "reverted" in cli("migrate", "down", "--to", "0", *there).out
    assert cli("migrate", "status", *there, "--json", status=78).json["current"] == 0


def test_a_namespace_has_its_own_tables(on: Cli) -> None:
    on("migrate", "up", "--namespace", "other")
    on("enqueue", "k", "--namespace", "other")
    assert on("job", "list", "--json").json == []
    assert len(on("job", "list", "--json", "--namespace", "other").json) == 1


@pytest.mark.parametrize(
    "command", [("job", "list"), ("enqueue", "k"), ("queue", "list"), ("serve", "jobs:app")]
)
def test_tables_that_are_missing_are_status_78(
    cli: Cli, database_url: str, command: tuple[str, ...]
) -> None:
    missing = cli(*command, "--database-url", database_url, status=78)
    assert "`python -m runtime migrate up`" in missing.err
    assert missing.err.count("\n") == 1


def test_tables_of_a_newer_program_are_status_78(on: Cli, migrated_url: str) -> None:
    execute(migrated_url, "INSERT INTO headrace.migration VALUES (9999, 'future', 'x')")
    for command in (("job", "list"), ("serve", "jobs:app"), ("migrate", "up")):
        assert "upgrade this program" in on(*command, status=78).err
    assert "upgrade this program" in on("check", status=78).out


@pytest.mark.parametrize(
    "command", [("job", "list"), ("serve", "jobs:app"), ("migrate", "up"), ("check",)]
)
def test_a_database_that_is_away_is_status_69(cli: Cli, command: tuple[str, ...]) -> None:
    ended = cli(*command, "--database-url", NOWHERE, status=69)
    assert "127.0.0.1:1" in ended.err + ended.out
    assert ended.err.count("\n") <= 1


def test_an_unusable_url_is_a_usage_error_without_its_password(cli: Cli) -> None:
    url = "mysql://me:hunter2@db/x"
    ended = cli("job", "list", "--database-url", url, status=2)
    assert "postgresql://" in ended.err
    assert "hunter2" not in ended.err


def test_queues_are_paused_and_resumed(on: Cli) -> None:
    on("enqueue", "k", "--queue", "mail")
    assert on("queue", "list").out.splitlines()[1].split()[:3] == ["mail", "-", "1"]
    paused = on("queue", "pause", "mail", "--json")
    assert paused.json[0]["paused_at"] is not None
    assert paused.err == "headrace: paused: mail\n"
    assert on("queue", "resume", "mail", "--json").json[0]["paused_at"] is None


def test_without_nodes_the_list_is_empty(on: Cli) -> None:
    assert on("node", "list").out.split()[:3] == ["ID", "NODE", "STATE"]
    assert on("node", "list", "--json").json == []


def test_a_sound_database_passes_the_check(on: Cli) -> None:
    findings = {each["subject"]: each for each in on("check", "--json").json}
    for subject in ("configuration", "server", "listening", "namespace headrace", "transactions"):
        assert findings[subject]["level"] == "ok", findings[subject]
    assert findings["nodes"] == {
        "subject": "nodes",
        "level": "advice",
        "text": "none is alive",
        "advice": "start one: python -m runtime serve APP",
    }


def test_the_check_advises_on_queues_that_nobody_serves(on: Cli) -> None:
    on("enqueue", "k", "--queue", "a")
    on("enqueue", "k", "--queue", "b")
    on("queue", "pause", "b")
    shown = on("check").out
    assert "queue a: 1 jobs wait, but no living node serves it" in shown
    assert "-> python -m runtime queue resume b" in shown


def test_the_check_names_the_kinds_that_no_node_serves(on: Cli, migrated_url: str) -> None:
    on("enqueue", "known")
    for _ in range(2):
        on("enqueue", "old_name")
    with psycopg.connect(migrated_url, options="-c search_path=headrace") as connection:
        connection.execute(
            "INSERT INTO node (name, host, boot_id, pid, pid_started, version, queues, workers,"
            " expires_at, kinds) VALUES"
            " ('n', 'h', '', 1, '', '', '{default}', 1, now() + interval '1 hour', '{known}')"
        )
    shown = on("check").out
    assert "2 available jobs of kinds that no node serves: old_name (queue default): 2" in shown


def test_the_check_finds_unmigrated_tables_and_unknown_variables(
    cli: Cli, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_WORKRS", "1")
    shown = cli("check", "--database-url", database_url, status=78).out
    assert "problem   namespace headrace: version 0; missing: 001_jobs" in shown
    assert "-> run: python -m runtime migrate up" in shown
    assert "HEADRACE_WORKRS" in shown


def test_the_check_finds_an_index_that_was_never_finished(on: Cli, migrated_url: str) -> None:
    execute(
        migrated_url,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'headrace.job_due'::regclass",
    )
    assert "problem   indexes: not in use" in on("check", status=78).out


def test_the_check_behind_a_pooler_does_not_listen(on: Cli) -> None:
    assert "listening: not asked for" in on("check", "--pooler").out


def test_the_check_finds_transactions_that_are_open_for_long(
    on: Cli, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.cli.checks.server.LONG_TRANSACTION_SECONDS", -1.0)
    with psycopg.connect(migrated_url, application_name="report") as connection:
        connection.execute("SELECT 1")
        shown = on("check").out
    assert "(report, idle in transaction) is 0.0 hours old" in shown


def test_a_notification_that_does_not_arrive_is_a_problem(
    on: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def swallow(channel: str, payload: str, connection: object) -> None:
        """A pooler's way with notifications."""

    monkeypatch.setattr("runtime.cli.checks.listening._notify", swallow)
    monkeypatch.setattr("runtime.cli.checks.listening.ARRIVAL_SECONDS", 0.1)
    shown = on("check", status=1).out
    assert "problem   listening: a notification did not arrive within 0.1 s" in shown
    assert "serve with --pooler" in shown


def test_without_a_url_the_embedded_database_is_used_and_migrated(cli: Cli, tmp_path: Path) -> None:
    here = ("--data-dir", tmp_path / "data")
    first = cli("enqueue", "k", *here)
    assert f"using the embedded PostgreSQL 18.6 in {tmp_path / 'data'}" in first.err
    assert "migrated namespace headrace: 001_jobs" in first.err
    again = cli("job", "list", "--json", *here)
    assert again.json[0]["id"] == first.out.strip()
    assert "migrated" not in again.err


def test_an_embedded_database_that_cannot_start_is_status_69(cli: Cli, tmp_path: Path) -> None:
    ended = cli("job", "list", "--data-dir", tmp_path, "--postgres-bin", tmp_path, status=69)
    assert ended.err.startswith("headrace: ")


def test_rights_are_granted_to_a_role_that_exists(cli: Cli, migrated_url: str) -> None:
    role = "the cli's producer"
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        name = psycopg.sql.Identifier(role)
        connection.execute(psycopg.sql.SQL("CREATE ROLE {}").format(name))
        try:
            ended = cli("migrate", "grant", "producer", role, "--database-url", migrated_url)
            assert f"{role} is a producer now" in ended.out + ended.err
            (granted,) = connection.execute(
                "SELECT has_column_privilege(%s, 'headrace.job', 'args', 'INSERT')", [role]
            ).fetchall()
            assert granted == (True,)
        finally:
            connection.execute(psycopg.sql.SQL("DROP OWNED BY {}").format(name))
            connection.execute(psycopg.sql.SQL("DROP ROLE {}").format(name))


def test_a_role_that_does_not_exist_is_told(cli: Cli, migrated_url: str) -> None:
    asked = ("migrate", "grant", "worker", "nobody's", "--database-url", migrated_url)
    assert 'role "nobody\'s" does not exist' in cli(*asked, status=2).err
