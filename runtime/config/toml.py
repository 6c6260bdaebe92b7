"""The TOML file: `headrace.toml`, or `[tool.headrace]` in `pyproject.toml`, or the one named."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from runtime.errors import ConfigError

FILE_NAME = "headrace.toml"
_PYPROJECT = "pyproject.toml"


@attrs.frozen
class TomlFile:
    """The options that a TOML file holds, and how to name it in a message."""

    path: Path | None = None
    source: str = ""
    values: Mapping[str, Any] = attrs.field(factory=dict)


def find_toml(directory: Path) -> TomlFile:
    """The directory's headrace.toml; else the table in its pyproject.toml; else nothing."""
    if (directory / FILE_NAME).is_file():
        return read_toml(directory / FILE_NAME)
    pyproject = directory / _PYPROJECT
    if pyproject.is_file():
        found = read_toml(pyproject)
        return found if found.values else TomlFile()
    return TomlFile()


def read_toml(path: Path) -> TomlFile:
    """This file's options. Raises ConfigError if it cannot be read."""
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration in {path}: {error}") from error
    if path.name != _PYPROJECT:
        return TomlFile(path, f"TOML {path}", document)
    table = document.get("tool", {}).get("headrace", {})
    if not isinstance(table, dict):
        raise ConfigError(f"TOML {path}: [tool.headrace] is not a table")
    return TomlFile(path, f"TOML {path} [tool.headrace]", table)
