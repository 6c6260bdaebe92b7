"""Connections and cursors of any DB-API 2 library (PEP 249), and Django's `connection`.

Rule: the parameter style is the library's own word; Django's wrappers always take `%s`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from typing import Any

import attrs

from runtime.client.driver import SyncDriver
from runtime.client.savepoint import savepoint
from runtime.errors import UsageError

_PLACEHOLDER = {"format": "%s", "pyformat": "%s", "qmark": "?", "numeric": ":1"}


@attrs.frozen
class DbapiDriver(SyncDriver):
    """For a library that keeps to PEP 249."""

    conn: Any
    placeholder: str = "%s"

    def fetch(self, statement: str, parameter: str) -> list[tuple[Any, ...]]:
        with closing(self.conn.cursor()) as cursor:
            cursor.execute(statement, (parameter,))
            return [_plain(row) for row in cursor.fetchall()]

    def _execute(self, statement: str) -> None:
        with closing(self.conn.cursor()) as cursor:
            cursor.execute(statement)

    def bracket(self) -> AbstractContextManager[None]:
        return savepoint(self._execute)


class DjangoDriver(DbapiDriver):
    """Django keeps account of transactions itself."""

    def bracket(self) -> AbstractContextManager[None]:
        transaction = sys.modules["django.db"].transaction
        atomic: AbstractContextManager[None] = transaction.atomic(using=self.conn.alias)
        return atomic


def dbapi_driver(conn: Any) -> DbapiDriver | None:
    """A driver, if this looks like a DB-API connection or one of its cursors."""
    if callable(getattr(conn, "fetchall", None)):
        # A cursor; Django's has its connection under `db`, and the library's own as `connection`.
        conn = getattr(conn, "db", None) or getattr(conn, "connection", None)
    if not callable(getattr(conn, "cursor", None)) or not callable(getattr(conn, "commit", None)):
        return None
    if "django.db" in sys.modules and hasattr(conn, "settings_dict"):
        return DjangoDriver(conn)
    return DbapiDriver(conn, _placeholder(conn))


def _placeholder(conn: Any) -> str:
    for base in type(conn).__mro__:
        library = sys.modules.get(base.__module__.partition(".")[0])
        style = getattr(library, "paramstyle", None)
        if style is None:
            continue
        if style not in _PLACEHOLDER:
            raise UsageError(f"{base.__module__} has the paramstyle {style!r}, which is not known")
        return _PLACEHOLDER[style]
    return "%s"


def _plain(row: Any) -> tuple[Any, ...]:
    """A row as a tuple, also of a cursor that makes dicts."""
    return tuple(row.values()) if isinstance(row, Mapping) else tuple(row)
