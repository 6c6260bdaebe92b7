"""Whether the tables are those that this version needs."""

from __future__ import annotations

from collections.abc import Iterator

from actors.store.bridge import Bridge
from actors.store.migrate import Migrator, Status
from runtime.cli.checks.finding import Finding, ok, problem

_UP = "run: python -m runtime migrate up"


async def check_tables(bridge: Bridge, namespace: str) -> list[Finding]:
    """Look at the namespace's migrations."""
    return list(_judge(await Migrator(bridge, namespace).status()))


def _judge(status: Status) -> Iterator[Finding]:
    subject, at = f"namespace {status.namespace}", f"version {status.current}"
    if status.unknown:
        newer = f"{at}; this program knows {status.latest}"
        yield problem(subject, newer, "upgrade this program")
    elif status.pending:
        yield problem(subject, f"{at}; missing: {', '.join(status.pending)}", _UP)
    elif status.changed:
        advice = "put the old file back; write the change as a new migration"
        yield problem(subject, f"changed since: {', '.join(status.changed)}", advice)
    else:
        yield ok(subject, at)
    if status.invalid_indexes:
        text = f"not in use, as their build was interrupted: {', '.join(status.invalid_indexes)}"
        yield problem("indexes", text, _UP)
