"""Migration files: what is one, what it says, and which changes to it do not count."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.store.migrate.files import read_migrations
from actors.store.migrate.script import Script
from runtime import sql
from runtime.errors import MigrationError

BUILD = "-- no-transaction\n-- 001_a: why.\nCREATE INDEX CONCURRENTLY job_claim ON job (queue);\n"


def checksum(text: str) -> str:
    return Script.read("001_a", text).checksum


def test_our_own_migrations_can_be_read() -> None:
    migrations = read_migrations(sql.SCHEMA / "migrations")
    assert [m.version for m in migrations] == list(range(1, len(migrations) + 1))
    assert any(m.up.creates for m in migrations)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1, 'a  b';",
        "SELECT 1, 'a  b'",
        "-- a comment\n\nSELECT  1,\r\n\t'a  b' ;\n",
        "SELECT 1, 'a  b' -- no newline",
        "/* another\n one */ SELECT 1, 'a  b'; -- the end",
        "\ufeffSELECT 1, 'a  b';\n;\n",
    ],
)
def test_comments_and_white_space_do_not_change_a_checksum(text: str) -> None:
    assert checksum(text) == checksum("SELECT 1, 'a  b';")


@pytest.mark.parametrize(
    "text",
    ["SELECT 2, 'a  b'", "SELECT 1, 'a b'", "SELECT 1; 'a  b'", "SELECT 1, 'a -- b'", 'SELECT "1"'],
)
def test_what_the_database_would_do_otherwise_changes_it(text: str) -> None:
    assert checksum(text) != checksum("SELECT 1, 'a  b'")


def test_a_function_s_body_counts_to_the_letter() -> None:
    body = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; -- one\n $$"
    assert checksum(body) != checksum(body.replace("-- one", "-- two"))
    assert checksum(body) == checksum(body.replace("\n", "\r\n"))


@given(st.text(alphabet="ab;' -/*$\"\n"))
def test_any_text_has_a_checksum(text: str) -> None:
    assert len(checksum("SELECT " + text)) == 64


@pytest.mark.parametrize(
    ("statement", "creates", "drops"),
    [
        ("CREATE INDEX CONCURRENTLY job_claim ON job (queue)", "job_claim", None),
        (
            "create unique index\n  concurrently if not exists Job_Claim on job (q)",
            "job_claim",
            None,
        ),
        ('CREATE INDEX CONCURRENTLY "Job" ON job (queue)', "Job", None),
        ("DROP INDEX CONCURRENTLY IF EXISTS job_claim", None, "job_claim"),
        ("VACUUM job", None, None),
    ],
)
def test_the_index_is_found_in_the_statement(
    statement: str, creates: str | None, drops: str | None
) -> None:
    script = Script.read("001_a", f"-- no-transaction\n{statement};")
    assert (script.transactional, script.creates, script.drops) == (False, creates, drops)


def test_the_marker_counts_only_before_the_first_statement() -> None:
    assert not Script.read("001_a", BUILD).transactional
    assert Script.read("001_a", "SELECT 1;\n-- no-transaction\n").transactional


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"001_a.sql": "SELECT 1", "003_c.sql": "SELECT 1"}, "no migration 002"),
        ({"002_b.sql": "SELECT 1"}, "no migration 001"),
        ({"001_a.sql": "SELECT 1", "001_b.sql": "SELECT 1"}, "the same number"),
        ({"1_a.sql": "SELECT 1"}, "not named"),
        ({"001_a.sql": "-- nothing"}, "no statement"),
        ({"001_a.sql": "SELECT 1", "002_b.down.sql": "SELECT 1"}, "undoes no migration"),
        ({"001_a.sql": BUILD + "SELECT 1"}, "2 statements"),
    ],
)
def test_files_out_of_order_are_refused(
    tmp_path: Path, files: dict[str, str], complaint: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(MigrationError, match=complaint):
        read_migrations(tmp_path)


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="no directory"):
        read_migrations(tmp_path / "none")
