"""Where an option's value comes from: flags over environment over TOML over defaults.

    flags ──▶ environment (HEADRACE_*, DATABASE_URL, *_FILE) ──▶ TOML ──▶ default

Rules: the first source that has the option wins, and is remembered; only its value is read. An
unknown key in TOML is an error. An unknown HEADRACE_ variable is a note, because it may be
somebody else's. An empty variable counts as not set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import attrs

from runtime.config.option import ENVIRONMENT_PREFIX, Option
from runtime.config.table import OPTION, OPTIONS, Config
from runtime.config.toml import TomlFile, find_toml, read_toml
from runtime.errors import ConfigError

CONFIG_VARIABLE = ENVIRONMENT_PREFIX + "CONFIG"
DEFAULT_SOURCE = "default"
# Ours, but no options of a node: of the embedded PostgreSQL's guardian, and of our tests.
_OTHER_VARIABLES = ("HEADRACE_POSTGRES_IDENTITY", "HEADRACE_TEST_")


@attrs.frozen
class Settings:
    """A Config, and where each of its values came from.

    Attributes: sources, by option: "default" or such as "environment HEADRACE_WORKERS"; file, the
    TOML file that was read, if any; notes, what a user may want to know of (unknown variables).
    """

    config: Config
    sources: Mapping[str, str]
    file: Path | None = None
    notes: tuple[str, ...] = ()


@attrs.frozen
class _Found:
    raw: object
    source: str
    typed: bool  # from TOML, where a number is a number; otherwise text


def load(
    flags: Mapping[str, str | bool],
    environment: Mapping[str, str],
    directory: Path,
    file: Path | None = None,
) -> Settings:
    """Put a Config together.

    Args: flags: by option name, only those that were given. directory: where headrace.toml or
    pyproject.toml is looked for. file: a TOML file to read instead; it must exist.
    Raises: ConfigError, naming option, source, value and what is allowed.
    """
    toml = _toml(environment, directory, file)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for option in OPTIONS:
        found = _find(option, flags, environment, toml)
        sources[option.name] = found.source if found else DEFAULT_SOURCE
        if found:
            values[option.name] = _read(option, found)
    return Settings(Config(**values), sources, toml.path, tuple(_unknown_variables(environment)))


def _toml(environment: Mapping[str, str], directory: Path, file: Path | None) -> TomlFile:
    named = file or (Path(environment[CONFIG_VARIABLE]) if CONFIG_VARIABLE in environment else None)
    toml = read_toml(named) if named else find_toml(directory)
    for key in toml.values:
        if key not in OPTION:
            raise ConfigError(f"{toml.source}: unknown option {key!r}{_likely(key)}")
    return toml


def _likely(key: str) -> str:
    matches = get_close_matches(key.replace("-", "_").lower(), OPTION, n=1)
    return f"; did you mean {matches[0]}?" if matches else ""


def _find(
    option: Option, flags: Mapping[str, str | bool], environment: Mapping[str, str], toml: TomlFile
) -> _Found | None:
    if option.name in flags:
        return _Found(
            flags[option.name], f"flag {option.flag}", isinstance(flags[option.name], bool)
        )
    for variable in option.environment:
        if environment.get(variable):
            return _Found(environment[variable], f"environment {variable}", False)
        if option.secret and environment.get(f"{variable}_FILE"):
            return _from_file(f"{variable}_FILE", environment[f"{variable}_FILE"])
    if option.name in toml.values:
        return _Found(toml.values[option.name], toml.source, True)
    return None


def _from_file(variable: str, path: str) -> _Found:
    try:
        secret = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"environment {variable}: cannot read {path}: {error}") from error
    return _Found(secret, f"environment {variable}", False)


def _read(option: Option, found: _Found) -> Any:
    try:
        return option.kind.check(found.raw) if found.typed else option.kind.read(str(found.raw))
    except ValueError as error:
        shown = "a secret that" if option.secret else repr(found.raw)
        raise ConfigError(
            f"{option.name} from {found.source} is {shown}, but must be {error}"
        ) from None


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    known = {CONFIG_VARIABLE}
    for option in OPTIONS:
        known.update(option.environment)
        known.update(f"{variable}_FILE" for variable in option.environment if option.secret)
    for variable in sorted(environment):
        if variable.startswith(_OTHER_VARIABLES) or variable in known:
            continue
        if variable.startswith(ENVIRONMENT_PREFIX):
            key = variable.removeprefix(ENVIRONMENT_PREFIX)
            yield f"environment {variable} is no option of Headrace{_likely(key)}"
