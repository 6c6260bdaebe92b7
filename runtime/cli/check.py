"""`check`: look at configuration and database, and advise.

Rule: it changes nothing. It goes on after a problem as far as it can, and says what it found.
"""

from __future__ import annotations

import click

from runtime.cli.options import all_options, as_json, configured
from runtime.cli.output import print_json
from runtime.config import Settings


@click.command()
@configured(all_options())
@as_json
def check(settings: Settings, as_json: bool) -> int:
    """Check configuration and database, with advice. Changes nothing.

    Exit status 0 if there is no problem, 69 if the database is away, 78 if its tables are not
    those that this version needs, 1 for any other problem.
    """
    from runtime.cli.checks.examine import examine

    findings, status = examine(settings)
    if as_json:
        print_json(findings)
        return status
    for each in findings:
        advice = f"\n{'':9} -> {each.advice}" if each.advice else ""
        click.echo(f"{each.level.value:8}  {each.subject}: {each.text}{advice}")
    return status
