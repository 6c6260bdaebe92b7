"""The database's refusals, as Headrace's own errors, whichever library reports them.

Rules: told apart by SQLSTATE and constraint name, never by text. What is not ours to explain (a
lost connection, a deadlock, an aborted transaction) is left as the caller's library raised it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

from runtime.errors import (
    HeadraceError,
    JobNotUnique,
    NamespaceDisabled,
    PayloadInvalid,
    PayloadTooLarge,
    SchemaNotMigrated,
    UsageError,
)

TOO_LARGE = "HR001"
NOT_UNIQUE = "HR002"
DISABLED = "HR003"
_UNIQUE_VIOLATION = "23505"
_UNIQUE_INDEX = "job_unique"
_CHECK_VIOLATION = "23514"
# Class 22, data exceptions: such as a number that its column cannot hold.
_OF_DATA = "22"
# invalid_schema_name, undefined_table, undefined_function, undefined_column
_NOT_MIGRATED = frozenset({"3F000", "42P01", "42883", "42703"})
# The domains of args, output and metadata are the backstop behind our own guard.
_FIELD_OF_CONSTRAINT = {
    f"job_{field}_{rule}": field
    for field in ("args", "output", "metadata")
    for rule in ("size", "object")
}
# CHECKs of the options, behind our own of the same.
_OPTION_CHECKS = frozenset(
    {
        "job_attempt_range",
        "job_max_attempts_range",
        "job_name_length",
        "job_priority_range",
        "job_tags_count",
        "job_tags_no_null",
        "job_tags_size",
        "job_timeout_range",
    }
)
_LONGEST_CHAIN = 6  # a wrapper (SQLAlchemy, Django), an adapter, the driver: three in practice


@contextlib.contextmanager
def explained(namespace: str) -> Iterator[None]:
    """Raise Headrace's error instead of the library's, where there is one."""
    try:
        yield
    except HeadraceError:
        raise
    except Exception as error:
        ours = explain(error, namespace)
        if ours is None:
            raise
        raise ours from error


def explain(error: BaseException, namespace: str) -> HeadraceError | None:
    """Headrace's error for the library's, or None."""
    state = sqlstate(error)
    if state == TOO_LARGE:
        return _too_large(_first(error, "D", "detail", "message_detail"))
    if state == NOT_UNIQUE:
        return _not_unique(_first(error, "D", "detail", "message_detail"))
    if state == _UNIQUE_VIOLATION and _first(error, "n", "constraint_name") == _UNIQUE_INDEX:
        return JobNotUnique(None)
    if state == _CHECK_VIOLATION:
        return _refused(_first(error, "n", "constraint_name"))
    if state.startswith(_OF_DATA):
        told = _first(error, "M", "message", "message_primary")
        return UsageError(f"the database refused a value: {told}")
    if state == DISABLED:
        return NamespaceDisabled(
            f"the namespace {namespace!r} is disabled: nothing can be enqueued"
        )
    if state in _NOT_MIGRATED:
        return SchemaNotMigrated(
            f"the namespace {namespace!r} has no tables of this version in this database; "
            f"`python -m runtime migrate up` makes them"
        )
    return None


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of a library's error, or ""."""
    return _first(error, "C", "sqlstate", "pgcode")


def _first(error: BaseException, code: str, *names: str) -> str:
    """The first text found under one of the names, in the error or what it wraps.

    `code` is the letter that the wire protocol has for the field: pg8000 gives a dict of those.
    """
    for link in _chain(error):
        for holder in (link, getattr(link, "diag", None)):
            for name in names:
                value = getattr(holder, name, None)
                if isinstance(value, str):
                    return value
        told = link.args[0] if link.args else None
        if isinstance(told, dict) and isinstance(told.get(code), str):
            return str(told[code])
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if link is None:
            return
        yield link
        inner = getattr(link, "orig", None)
        link = inner if isinstance(inner, BaseException) else link.__cause__


def _too_large(detail: str) -> HeadraceError:
    told: dict[str, Any] = msgspec.json.decode(detail)
    return PayloadTooLarge(told["field"], told["size"], told["limit"], told.get("index"))


def _not_unique(detail: str) -> HeadraceError:
    told: dict[str, Any] = msgspec.json.decode(detail)
    return JobNotUnique(UUID(told["id"]), told["index"])


def _refused(constraint: str) -> HeadraceError | None:
    if constraint in _OPTION_CHECKS:
        return UsageError(f"an option was refused by the constraint {constraint}")
    if constraint not in _FIELD_OF_CONSTRAINT:
        return None
    reason = f"was refused by the constraint {constraint}"
    return PayloadInvalid(_FIELD_OF_CONSTRAINT[constraint], "$", reason)
