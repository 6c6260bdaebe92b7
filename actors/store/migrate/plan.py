"""What is to be done, from the migrations that we know and those that a database has had. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import attrs

from actors.store.migrate.files import Migration
from actors.store.migrate.script import Script
from runtime.errors import ConfigError, MigrationError, SchemaNotMigrated, SchemaTooNew


@attrs.frozen
class Recorded:
    """A row of the table `migration`."""

    version: int
    name: str
    checksum: str
    applied_at: datetime


@attrs.frozen
class Found:
    """What a database has.

    Attributes: namespace and table, whether the schema and its table `migration` exist; recorded,
    in order; invalid_indexes, left by interrupted builds.
    """

    namespace: bool
    table: bool
    recorded: tuple[Recorded, ...]
    invalid_indexes: tuple[str, ...]

    @property
    def current(self) -> int:
        return self.recorded[-1].version if self.recorded else 0


@attrs.frozen
class Status:
    """How a namespace stands to the migrations of this program.

    Attributes: current, its version, 0 for none; latest, ours; applied, its history; pending,
    labels of what `up` would apply; unknown, versions that this program does not know; changed,
    labels of applied migrations whose file says something else by now; invalid_indexes.
    """

    namespace: str
    current: int
    latest: int
    applied: tuple[Recorded, ...]
    pending: tuple[str, ...]
    unknown: tuple[int, ...]
    changed: tuple[str, ...]
    invalid_indexes: tuple[str, ...]


@attrs.frozen
class Step:
    """One thing to do, under the migrator's lock.

    Attributes: how: "apply" a migration; "rebuild" the INVALID index of one that was applied;
    "revert" one.
    """

    migration: Migration
    script: Script
    how: Literal["apply", "rebuild", "revert"]


def status(namespace: str, migrations: Sequence[Migration], found: Found) -> Status:
    """See `Status`."""
    known = {migration.version: migration for migration in migrations}
    had = {row.version for row in found.recorded}
    return Status(
        namespace=namespace,
        current=found.current,
        latest=len(migrations),
        applied=found.recorded,
        pending=tuple(m.label for m in migrations if m.version not in had),
        unknown=tuple(row.version for row in found.recorded if row.version not in known),
        changed=tuple(
            known[row.version].label
            for row in found.recorded
            if row.version in known and known[row.version].up.checksum != row.checksum
        ),
        invalid_indexes=found.invalid_indexes,
    )


def check(now: Status) -> None:
    """Raises: SchemaTooNew, MigrationError: a history that is not ours to go on from."""
    if now.unknown:
        raise too_new(now)
    if now.changed:
        raise MigrationError(
            f"migration {now.changed[0]}.sql was changed after it was applied to namespace"
            f' "{now.namespace}": put the old file back, and write the change as a new migration'
        )
    versions = [row.version for row in now.applied]
    if versions != list(range(1, len(versions) + 1)):
        raise MigrationError(
            f'namespace "{now.namespace}" has had migrations {versions}: one before the last is'
            " missing, so what its tables are like is unknown"
        )


def check_current(now: Status) -> None:
    """Raises: SchemaTooNew, SchemaNotMigrated: the tables are not those that this program needs."""
    if now.unknown:
        raise too_new(now)
    if now.pending:
        has = f"is at version {now.current}" if now.current else "has no tables yet"
        raise SchemaNotMigrated(
            f'namespace "{now.namespace}" {has}; this program needs version {now.latest}:'
            " run `python -m runtime migrate up`, or serve with --migrate"
        )


def too_new(now: Status) -> SchemaTooNew:
    """The error that says so."""
    return SchemaTooNew(
        f'namespace "{now.namespace}" is at version {now.current}; this program knows versions up'
        f" to {now.latest}: upgrade this program"
    )


def steps_up(
    migrations: Sequence[Migration], found: Found, target: int | None = None
) -> tuple[Step, ...]:
    """What leads from `found` to version `target` (default: the last), in order.

    Raises: ConfigError: no such version, or it lies behind.
    """
    last = len(migrations) if target is None else target
    if not 0 <= last <= len(migrations):
        raise ConfigError(f"no migration {last}: there are 1 to {len(migrations)}")
    if target is not None and target < found.current:
        raise ConfigError(f"the database is at version {found.current}; go back with migrate down")
    invalid = set(found.invalid_indexes)
    had = {row.version for row in found.recorded}
    mend = [
        Step(m, m.up, "rebuild") for m in migrations if m.version in had and m.up.creates in invalid
    ]
    rest = [Step(m, m.up, "apply") for m in migrations[:last] if m.version not in had]
    return (*mend, *rest)


def steps_down(migrations: Sequence[Migration], found: Found, target: int) -> tuple[Step, ...]:
    """What leads from `found` back to version `target` (0: to nothing), in order.

    Raises: ConfigError: no such version. MigrationError: one of the steps has no way back.
    """
    if not 0 <= target <= found.current:
        raise ConfigError(
            f"the database is at version {found.current}; it cannot go down to {target}"
        )
    steps = []
    for row in reversed(found.recorded):
        if row.version <= target:
            break
        migration = migrations[row.version - 1]
        if migration.down is None:
            raise MigrationError(
                f"migration {migration.label} cannot be undone: it has no .down.sql."
                " Nothing was done"
            )
        steps.append(Step(migration, migration.down, "revert"))
    return tuple(steps)
