"""What a refusal of the database means to the Store's caller, by SQLSTATE and constraint."""

from __future__ import annotations

from uuid import UUID

import msgspec

from actors.store.errors import DatabaseError
from runtime.errors import (
    HeadraceError,
    JobNotUnique,
    NamespaceDisabled,
    PayloadInvalid,
    PayloadTooLarge,
    SchemaNotMigrated,
    StoreUnavailable,
    UsageError,
)

TOO_LARGE = "HR001"  # raised by enqueue_many
NOT_UNIQUE = "HR002"  # the same
DISABLED = "HR003"  # the namespace, by namespace disable
_UNIQUE_VIOLATION = "23505"
_UNIQUE_INDEX = "job_unique"
_CHECK_VIOLATION = "23514"
# undefined: table, column, function, object; invalid schema name.
_NOT_OURS = frozenset({"42P01", "42703", "42883", "42704", "3F000"})
# Classes 22 (data exception) and 54 (limits, as of nesting); "" is the driver refusing it itself.
_OF_DATA = ("22", "54", _CHECK_VIOLATION)
# What another try may mend: classes 40 (deadlock, serialisation), 53 (disk full, no memory) and 58
# (the server's system), a lock not had in time, a statement cancelled by somebody's timeout.
_PASSING = ("40", "53", "58", "55P03", "57014")
# Domains whose CHECKs count the bytes of jsonb's own text.
_SIZE_CHECKS = {
    "job_args_size": "args",
    "job_output_size": "output",
    "job_metadata_size": "metadata",
}
_OBJECT_CHECKS = {"job_args_object": "args", "job_metadata_object": "metadata"}


class _Detail(msgspec.Struct):
    field: str
    size: int
    limit: int
    index: int | None = None


class _Duplicate(msgspec.Struct):
    id: UUID
    index: int


def is_of_data(error: DatabaseError) -> bool:
    """Whether a value was refused, so that trying the same again cannot help."""
    return error.sqlstate == "" or error.sqlstate.startswith(_OF_DATA)


def typed(error: DatabaseError, namespace: str) -> HeadraceError:
    """The error that the Store's protocol promises; what is not foreseen there comes unchanged."""
    if error.sqlstate in _NOT_OURS:
        return SchemaNotMigrated(
            f"namespace {namespace!r} does not have the tables that this version needs"
            f" ({error.message}); `python -m runtime migrate up` makes them"
        )
    if error.sqlstate == DISABLED:
        return NamespaceDisabled(error.message)
    if error.sqlstate.startswith(_PASSING):
        return StoreUnavailable(f"the database broke off: {error}")
    if error.sqlstate == TOO_LARGE:
        detail = msgspec.json.decode(error.detail or "{}", type=_Detail)
        return PayloadTooLarge(detail.field, detail.size, detail.limit, detail.index)
    if error.sqlstate == NOT_UNIQUE:
        told = msgspec.json.decode(error.detail or "{}", type=_Duplicate)
        return JobNotUnique(told.id, told.index)
    if error.sqlstate == _UNIQUE_VIOLATION and error.constraint == _UNIQUE_INDEX:
        return JobNotUnique(None)
    if error.sqlstate == _CHECK_VIOLATION:
        return _of_check(error)
    if is_of_data(error):
        return UsageError(f"the database refused a value: {error.message}")
    return error


def _of_check(error: DatabaseError) -> HeadraceError:
    name = error.constraint or ""
    if name in _SIZE_CHECKS:
        reason = "is too large once PostgreSQL has written out its numbers, as it does 1e300"
        return PayloadInvalid(_SIZE_CHECKS[name], "$", reason)
    if name in _OBJECT_CHECKS:
        return PayloadInvalid(_OBJECT_CHECKS[name], "$", "must be a JSON object")
    return UsageError(f"the database refused a value: {error.message}")
