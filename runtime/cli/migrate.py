"""`migrate`: make or change the tables, while others serve from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from runtime import sql
from runtime.cli.exits import Exit
from runtime.cli.options import as_json, configured
from runtime.cli.output import print_fields, print_json, print_table, say
from runtime.cli.session import reachable, run_with_bridge, show_progress
from runtime.config import Settings
from runtime.errors import ConfigError

if TYPE_CHECKING:
    from actors.store.bridge import Bridge
    from actors.store.migrate import Applied, Migrator, Status

T = TypeVar("T")

_dry_run = click.option("--dry-run", is_flag=True, help="Print the SQL; change nothing.")


@click.group()
def migrate() -> None:
    """Make or change the tables: up, down, status.

    Safe while nodes serve and clients enqueue; indexes are built concurrently.
    """


@migrate.command("up")
@configured()
@click.option("--to", "target", type=int, help="Up to this version.  [default: the latest]")
@_dry_run
@as_json
def migrate_up(settings: Settings, target: int | None, dry_run: bool, as_json: bool) -> None:
    """Apply what is missing. Repeatable; goes on where an interrupted one stopped."""
    steps = _with_migrator(
        settings, lambda migrator: migrator.up(target, dry_run=dry_run, observe=show_progress)
    )
    _print(steps, dry_run, as_json)


@migrate.command("down")
@configured()
@click.option("--to", "target", type=int, required=True, help="0: no tables are left.")
@_dry_run
@as_json
def migrate_down(settings: Settings, target: int, dry_run: bool, as_json: bool) -> None:
    """Undo migrations, the newest first. What they held is lost."""
    steps = _with_migrator(
        settings, lambda migrator: migrator.down(target, dry_run=dry_run, observe=show_progress)
    )
    _print(steps, dry_run, as_json)


@migrate.command("status")
@configured()
@as_json
def migrate_status(settings: Settings, as_json: bool) -> int:
    """Show what was applied and what is missing. Exit status 78 if it is not what we need."""
    status = _with_migrator(settings, lambda migrator: migrator.status())
    if as_json:
        print_json(status)
    else:
        _print_status(status)
    current = not (status.pending or status.unknown or status.changed or status.invalid_indexes)
    return Exit.OK if current else Exit.SCHEMA


@migrate.command("grant")
@configured()
@click.argument("rights", type=click.Choice(["producer", "worker"]))
@click.argument("role")
def migrate_grant(settings: Settings, rights: str, role: str) -> None:
    """Give ROLE, which exists, the rights of a producer or of a worker, and no more.

    A producer can enqueue, send signals and events, read what workflows publish, and nothing else;
    a worker can serve, and all that a client does. Only whoever owns the tables, because it made
    them, can grant.
    """
    from actors.store.errors import DatabaseError

    async def unit(bridge: Bridge) -> None:
        await bridge.run(lambda connection: connection.fetch(sql.load(f"grant_{rights}"), role))

    with reachable(settings.config) as config:
        try:
            run_with_bridge(config, unit)
        except DatabaseError as error:
            raise ConfigError(f"cannot grant to {role!r}: {error.message}") from None
    say(f"{role} is a {rights} now")


def _with_migrator(settings: Settings, use: Callable[[Migrator], Awaitable[T]]) -> T:
    from actors.store.migrate import Migrator

    with reachable(settings.config) as config:

        async def unit(bridge: Bridge) -> T:
            return await use(Migrator(bridge, config.namespace))

        return run_with_bridge(config, unit)


def _print(steps: Sequence[Applied], dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(steps)
    elif dry_run:
        for step in steps:
            click.echo(f"-- {_label(step)}\n{step.sql.rstrip()}\n")
    elif steps:
        rows = [(_label(step), step.how, step.seconds) for step in steps]
        print_table(("MIGRATION", "RESULT", "SECONDS"), rows)
    if not steps:
        say("nothing to do")


def _label(step: Applied) -> str:
    return f"{step.version:03}_{step.name}" if step.version else f"namespace {step.name}"


def _print_status(status: Status) -> None:
    print_fields(
        {
            "namespace": status.namespace,
            "version": f"{status.current} of {status.latest}",
            "pending": status.pending,
            "unknown": status.unknown,
            "changed": status.changed,
            "invalid indexes": status.invalid_indexes,
        }
    )
    if status.applied:
        click.echo()
        rows = [(f"{row.version:03}_{row.name}", row.applied_at) for row in status.applied]
        print_table(("APPLIED", "AT"), rows)
