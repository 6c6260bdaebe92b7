"""What the database said no to, told apart by SQLSTATE.

Rule: whoever catches a `DatabaseError` looks at `sqlstate` and `constraint`, never at the text.
That the database did not answer at all is `runtime.errors.StoreUnavailable`; `is_unavailable` draws
the line between the two.
"""

from __future__ import annotations

from runtime.errors import HeadraceError

# Class 08: connection exceptions. 57P0x: the server is stopping, starting, or ended this session.
_UNAVAILABLE_PREFIXES = ("08", "57P0")
# too_many_connections; read_only_sql_transaction: we are on a standby, or a primary that has just
# become one, and the next connection may find the new primary.
_UNAVAILABLE_STATES = frozenset({"53300", "25006"})


def is_unavailable(sqlstate: str) -> bool:
    """Whether an error of this SQLSTATE says "not now, not here" and not "not this statement"."""
    return sqlstate.startswith(_UNAVAILABLE_PREFIXES) or sqlstate in _UNAVAILABLE_STATES


class DatabaseError(HeadraceError):
    """The database refused a statement.

    Attributes: sqlstate, five characters, or "" if the driver refused it before it was sent;
    message; constraint, the name of the violated one, or None; detail, or None.
    """

    def __init__(
        self, sqlstate: str, message: str, constraint: str | None = None, detail: str | None = None
    ) -> None:
        self.sqlstate = sqlstate
        self.message = message
        self.constraint = constraint
        self.detail = detail
        super().__init__(f"{message} (SQLSTATE {sqlstate})" if sqlstate else message)

    def __reduce__(self) -> tuple[type[DatabaseError], tuple[str, str, str | None, str | None]]:
        return type(self), (self.sqlstate, self.message, self.constraint, self.detail)
