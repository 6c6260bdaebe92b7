"""`config`: each option, its value, and where it came from. Secrets are masked."""

from __future__ import annotations

from typing import Any

import click

from runtime.cli.options import all_options, as_json, configured
from runtime.cli.output import print_json, print_table, say
from runtime.config import OPTIONS, Option, Settings


@click.command()
@configured(all_options())
@as_json
def config(settings: Settings, as_json: bool) -> None:
    """Show each option, its value and where it came from.

    Takes every option as a flag, like serve, to show what would hold.
    """
    for note in settings.notes:
        say(note)
    if as_json:
        print_json({option.name: _describe(option, settings) for option in OPTIONS})
        return
    rows = [
        (option.name, _shown(option, settings), settings.sources[option.name], option.help)
        for option in OPTIONS
    ]
    print_table(("OPTION", "VALUE", "FROM", "MEANING"), rows)


def _shown(option: Option, settings: Settings) -> str:
    return option.show(getattr(settings.config, option.name))


def _describe(option: Option, settings: Settings) -> dict[str, Any]:
    value = getattr(settings.config, option.name)
    plain = isinstance(value, int | float) and not option.secret
    return {
        "value": value if plain else _shown(option, settings),
        "source": settings.sources[option.name],
        "default": option.default if plain else option.show(option.default),
        "flag": option.flag,
        "environment": option.environment,
        "group": option.group,
        "help": option.help,
        "allowed": option.kind.allowed,
    }
