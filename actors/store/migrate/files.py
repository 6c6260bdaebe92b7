"""Migrations as files: `NNN_name.sql`, and `NNN_name.down.sql` where it can be undone."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from actors.store.migrate.script import Script
from runtime.errors import MigrationError

_NAME = re.compile(r"(?P<version>\d{3,})_(?P<name>[a-z0-9_]+?)(?P<down>\.down)?\.sql")


@attrs.frozen
class Migration:
    """A step from version - 1 to version, and maybe back."""

    version: int
    name: str
    up: Script
    down: Script | None

    @property
    def label(self) -> str:
        return self.up.label


def read_migrations(directory: Path) -> tuple[Migration, ...]:
    """The migrations in a directory, in order.

    Raises: MigrationError: no directory, a name that is none, a number twice or left out, a
    .down.sql of no migration, or a file that `Script.read` refuses.
    """
    if not directory.is_dir():
        raise MigrationError(f"no directory of migrations at {directory}")
    ups: dict[int, Script] = {}
    downs: dict[str, Script] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNN_name.sql or NNN_name.down.sql")
        label = f"{match['version']}_{match['name']}"
        script = Script.read(label, path.read_text(encoding="utf-8"))
        if match["down"]:
            downs[label] = script
        elif (version := int(match["version"])) in ups:
            raise MigrationError(f"{path.name} and {ups[version].label}.sql have the same number")
        else:
            ups[version] = script
    _check_numbers(ups)
    _check_downs(ups, downs)
    return tuple(
        Migration(version, up.label.partition("_")[2], up, downs.get(up.label))
        for version, up in sorted(ups.items())
    )


def _check_numbers(ups: dict[int, Script]) -> None:
    for expected, version in enumerate(sorted(ups), start=1):
        if version != expected:
            raise MigrationError(
                f"there is no migration {expected:03}, but {ups[version].label}.sql"
            )


def _check_downs(ups: dict[int, Script], downs: dict[str, Script]) -> None:
    lonely = sorted(set(downs) - {up.label for up in ups.values()})
    if lonely:
        raise MigrationError(
            f"{lonely[0]}.down.sql undoes no migration: there is no {lonely[0]}.sql"
        )
