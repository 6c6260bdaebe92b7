"""Whether a namespace's tables are those that this version needs."""

from __future__ import annotations

from runtime import sql
from runtime.errors import SchemaNotMigrated, SchemaTooNew


def require_version(namespace: str, found: int) -> None:
    """Args: found: the namespace's newest migration. Raises: SchemaTooNew, SchemaNotMigrated."""
    ours = sql.newest_migration()
    if found > ours:
        raise SchemaTooNew(
            f"namespace {namespace!r} is at migration {found}, this version knows {ours};"
            " upgrade this program"
        )
    if found < ours:
        raise SchemaNotMigrated(
            f"namespace {namespace!r} is at migration {found}, this version needs {ours};"
            " run `python -m runtime migrate up`"
        )
