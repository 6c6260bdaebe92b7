"""Exit statuses: which error leads to which, and what people see of it."""

from __future__ import annotations

import uuid

import pytest

from actors.kit import ChildStartFailed
from actors.store.errors import DatabaseError
from runtime.cli.exits import Exit, expected, forced
from runtime.embedded import EmbeddedPostgresError
from runtime.errors import (
    AppError,
    ConfigError,
    JobNotFound,
    MigrationError,
    SchemaNotMigrated,
    SchemaTooNew,
    StoreUnavailable,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("x"), 2),
        (AppError("x"), 2),
        (StoreUnavailable("x"), 69),
        (EmbeddedPostgresError("x"), 69),
        (DatabaseError("28P01", "x"), 69),
        (DatabaseError("3D000", "x"), 69),
        (DatabaseError("42601", "x"), 1),
        (SchemaNotMigrated("x"), 78),
        (SchemaTooNew("x"), 78),
        (MigrationError("x"), 78),
        (JobNotFound(uuid.UUID(int=1)), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_expected_error_has_its_status_and_one_line(error: BaseException, status: int) -> None:
    known = expected(error)
    assert known is not None
    assert known[0] == status
    assert "\n" not in known[1]
    assert expected(BaseExceptionGroup("tasks", [BaseExceptionGroup("inner", [error])])) == known


def test_a_bug_is_not_expected() -> None:
    assert expected(ZeroDivisionError()) is None
    assert expected(ExceptionGroup("tasks", [ConfigError("x"), ZeroDivisionError()])) is None


def test_what_a_tree_could_not_mend_is_told_by_its_cause() -> None:
    failure = ChildStartFailed("node/work")
    failure.__cause__ = ChildStartFailed("node/work/forkserver")
    failure.__cause__.__cause__ = AppError("no module named jobs")
    assert expected(failure) == (Exit.USAGE, "no module named jobs")
    failure.__cause__.__cause__ = ZeroDivisionError()
    assert expected(failure) is None


def test_a_forced_stop_says_which_signal_forced_it() -> None:
    assert (forced(2), forced(15)) == (130, 143)
    assert (forced(2), forced(15)) == (Exit.INTERRUPTED, Exit.TERMINATED)
