"""What is read from the errors of libraries, each in its own shape."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from runtime.client.failures import explain, explained, sqlstate
from runtime.errors import PayloadInvalid, PayloadTooLarge, SchemaNotMigrated, UsageError

DETAIL = '{"field":"args","size":9,"limit":8,"index":3}'


class Refusal(Exception):
    """An error with any attributes."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args)
        self.__dict__.update(attributes)


def wrapped(inner: Exception) -> Exception:
    outer = Refusal("outer")
    outer.__cause__ = inner
    return outer


ASYNCPG = Refusal(sqlstate="HR001", detail=DETAIL)
PSYCOPG = Refusal(sqlstate="HR001", diag=SimpleNamespace(message_detail=DETAIL))
PSYCOPG2 = Refusal(pgcode="HR001", diag=SimpleNamespace(message_detail=DETAIL))
PG8000 = Refusal({"C": "HR001", "D": DETAIL})


@pytest.mark.parametrize(
    "error",
    [
        ASYNCPG,
        PSYCOPG,
        PSYCOPG2,
        PG8000,
        Refusal("SQLAlchemy", orig=PSYCOPG),
        Refusal("SQLAlchemy", orig=wrapped(ASYNCPG)),
        wrapped(PSYCOPG2),
    ],
)
def test_a_payload_over_the_limit_is_typed_whoever_reports_it(error: Exception) -> None:
    ours = explain(error, "headrace")

    assert isinstance(ours, PayloadTooLarge)
    assert (ours.field, ours.size, ours.limit, ours.index) == ("args", 9, 8, 3)


def test_constraints_and_missing_tables_are_told_by_name_and_state() -> None:
    ours = explain(Refusal(sqlstate="23514", constraint_name="job_metadata_size"), "headrace")
    assert isinstance(ours, PayloadInvalid)
    assert ours.field == "metadata"
    assert isinstance(explain(Refusal({"C": "42P01"}), "headrace"), SchemaNotMigrated)


def test_what_is_not_ours_to_explain_is_left_as_it_is() -> None:
    other = Refusal(sqlstate="23514", constraint_name="users_name_check")
    assert explain(other, "headrace") is None
    assert sqlstate(ValueError("HR001")) == ""
    with pytest.raises(Refusal) as left, explained("headrace"):
        raise other
    assert left.value is other
    with pytest.raises(UsageError, match="mine"), explained("headrace"):
        raise UsageError("mine")
