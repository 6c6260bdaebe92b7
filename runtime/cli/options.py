"""Makes a command's flags from the table of options, and its Settings from all four sources."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from runtime.config import OPTION, OPTIONS, Option, Settings, load
from runtime.config.kinds import Switch

Command = Callable[..., Any]

# What a command that only talks to the database needs.
DATABASE_OPTIONS = ("database_url", "namespace", "data_dir", "postgres_bin", "pooler", "bridge")


def configured(names: Iterable[str] = DATABASE_OPTIONS) -> Callable[[Command], Command]:
    """Give a click command the flags of these options, and `settings` as its first argument."""
    options = [OPTION[name] for name in names]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def invoke(**given: Any) -> Any:
            file = given.pop("config_file")
            flags = {option.name: given.pop(option.name) for option in options}
            return command(_load(flags, file), **given)

        with_flags: Command = invoke
        for option in reversed(options):
            with_flags = _flag(option)(with_flags)
        return _config_file(with_flags)

    return decorate


def all_options(*, without: Iterable[str] = ()) -> list[str]:
    """The names of all options of the table but these."""
    left_out = set(without)
    return [option.name for option in OPTIONS if option.name not in left_out]


def _load(flags: dict[str, Any], file: Path | None) -> Settings:
    given = {name: value for name, value in flags.items() if value is not None}
    return load(given, os.environ, Path.cwd(), file)


def _flag(option: Option) -> Callable[[Command], Command]:
    shown = option.show(option.default) if option.default != "" else ""
    note = f"{option.help} [{'default: ' + shown + '; ' if shown else ''}{option.environment[-1]}]"
    if isinstance(option.kind, Switch):
        both = f"{option.flag}/--no-{option.flag.removeprefix('--')}"
        return click.option(both, option.name, default=None, help=note)
    return click.option(option.flag, option.name, metavar=option.kind.metavar, help=note)


_config_file = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="A TOML file, instead of headrace.toml or pyproject.toml here. [HEADRACE_CONFIG]",
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
