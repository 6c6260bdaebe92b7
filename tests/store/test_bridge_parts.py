"""Parts of the bridge that need no database."""

from __future__ import annotations

import asyncio
import pickle
import sys

import pytest

from actors.store.bridge.thread import new_loop
from actors.store.errors import DatabaseError, is_unavailable
from runtime.database_url import connect_seconds, for_driver, redacted


def test_without_uvloop_the_thread_runs_asyncio_s_own_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = new_loop()
    try:
        assert isinstance(loop, asyncio.SelectorEventLoop)
    finally:
        loop.close()


def test_a_database_error_can_cross_to_another_process() -> None:
    error = DatabaseError("23505", "duplicate key", "job_pkey", "Key (id)=(1) already exists.")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == "duplicate key (SQLSTATE 23505)"
    assert (copy.constraint, copy.detail) == (error.constraint, error.detail)


@pytest.mark.parametrize("sqlstate", ["08006", "57P01", "57P03", "53300", "25006"])
def test_some_errors_mean_not_now_or_not_here(sqlstate: str) -> None:
    assert is_unavailable(sqlstate)


@pytest.mark.parametrize("sqlstate", ["23505", "57014", "55P03", "40001", "53100", "", "42P01"])
def test_other_errors_mean_not_this_statement(sqlstate: str) -> None:
    assert not is_unavailable(sqlstate)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@here:5432/db", "here:5432/db"),
        ("postgresql://me:se%40cret@h1:1,h2:2/db?sslmode=require", "h1:1,h2:2/db"),
        ("postgres:///db?host=/run/postgresql&password=secret", "/run/postgresql/db"),
        ("postgresql://", "localhost/"),
        ("postgresql://[bad", "(unreadable)"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_only_what_the_driver_knows_is_handed_on() -> None:
    url = "postgresql://u@h/db?sslmode=require&channel_binding=require&connect_timeout=3"
    assert for_driver(url) == "postgresql://u@h/db?sslmode=require"
    assert connect_seconds(url) == 3.0
    assert for_driver("postgresql:///db?host=%2Frun") == "postgresql:///db?host=%2Frun"
