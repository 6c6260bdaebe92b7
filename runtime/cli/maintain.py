"""`maintain`: what the leader does by itself, on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runtime.cli.exits import Exit
from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, print_table, say
from runtime.cli.session import prepare_tables, reachable, run_with_bridge
from runtime.config import Settings
from runtime.errors import UsageError

if TYPE_CHECKING:
    from actors.store.bridge import Bridge
    from actors.store.postgres.indexes import IndexSize
    from actors.store.upkeep import Rebuilt


@click.group()
def maintain() -> None:
    """Do what the leader does by itself, now."""


@maintain.command("reindex")
@configured()
@click.argument("names", metavar="[INDEX...]", nargs=-1)
@click.option("--all", "every_index", is_flag=True, help="Also those that are not bloated.")
@click.option("--dry-run", is_flag=True, help="Show sizes, and rebuild nothing.")
@as_json
def reindex(
    settings: Settings, names: tuple[str, ...], every_index: bool, dry_run: bool, as_json: bool
) -> int:
    """Build bloated indexes anew, concurrently, or those given; drop what broken builds have left.

    Reads and writes go on. Exit status 1 if somebody else migrates or rebuilds just now.
    """
    with reachable(settings.config) as config:
        prepare_tables(config, migrate=not settings.config.database_url)
        if config.pooler:
            raise UsageError("indexes are not built through a transaction pooler: give its own URL")
        found = run_with_bridge(config, lambda bridge: _sizes(bridge, config.namespace))
        chosen = _chosen(found, names, every_index)
        if dry_run:
            _show_sizes(found, chosen, as_json)
            return Exit.OK
        wanted = [each.name for each in chosen]
        rebuilt = run_with_bridge(config, lambda bridge: _rebuild(bridge, config.namespace, wanted))
    if rebuilt is None:
        say("somebody else migrates or rebuilds just now; try again later")
        return Exit.FAILED
    if as_json:
        print_json(rebuilt)
    else:
        rows = [(each.index, each.bytes_before, each.bytes_after) for each in rebuilt]
        print_table(("INDEX", "BYTES BEFORE", "AFTER"), rows)
    return Exit.OK


def _chosen(found: list[IndexSize], names: tuple[str, ...], every_index: bool) -> list[IndexSize]:
    unknown = set(names) - {each.name for each in found}
    if unknown:
        raise UsageError(f"no such index, or not ours to rebuild: {', '.join(sorted(unknown))}")
    if names:
        return [each for each in found if each.name in names]
    return [each for each in found if every_index or each.bloated]


def _show_sizes(found: list[IndexSize], chosen: list[IndexSize], as_json: bool) -> None:
    names = {each.name for each in chosen}
    if as_json:
        import attrs

        print_json([attrs.asdict(each) | {"rebuild": each.name in names} for each in found])
        return
    rows = [
        (each.name, each.table, each.bytes, each.needed_bytes, each.name in names) for each in found
    ]
    print_table(("INDEX", "TABLE", "BYTES", "NEEDED, ABOUT", "REBUILD"), rows)


async def _sizes(bridge: Bridge, namespace: str) -> list[IndexSize]:
    from actors.store.postgres import indexes

    return await bridge.run(lambda connection: indexes.sizes(connection, namespace))


async def _rebuild(bridge: Bridge, namespace: str, names: list[str]) -> list[Rebuilt] | None:
    """One after the other; None: somebody else is at it."""
    from actors.store.postgres import indexes

    return await bridge.run(
        lambda connection: indexes.rebuild(connection, namespace, names),
        timeout_seconds=indexes.BUILD_SECONDS,
    )
