"""`queue`: look at queues, pause or resume them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, print_table, say
from runtime.cli.session import run_with_store
from runtime.config import Settings

if TYPE_CHECKING:
    from actors.store.protocol import QueueInfo, Store

_names = click.argument("names", metavar="QUEUE...", nargs=-1, required=True)


@click.group()
def queue() -> None:
    """Look at queues, pause or resume them."""


@queue.command("list")
@configured()
@as_json
def list_queues(settings: Settings, as_json: bool) -> None:
    """List all queues that have jobs or were paused."""
    _print(run_with_store(settings, lambda store: store.queues()), as_json)


@queue.command("pause")
@configured()
@_names
@as_json
def pause_queues(settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
    """Stop all claims from these queues (*: from all known ones). What runs goes on."""

    async def pause(store: Store) -> list[QueueInfo]:
        for name in names:
            await store.pause(name)
        return await store.queues()

    _print(run_with_store(settings, pause), as_json)
    say(f"paused: {', '.join(names)}")


@queue.command("resume")
@configured()
@_names
@as_json
def resume_queues(settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
    """Undo pause."""

    async def resume(store: Store) -> list[QueueInfo]:
        for name in names:
            await store.resume(name)
        return await store.queues()

    _print(run_with_store(settings, resume), as_json)
    say(f"resumed: {', '.join(names)}")


def _print(queues: list[QueueInfo], as_json: bool) -> None:
    if as_json:
        print_json(queues)
        return
    columns = ("QUEUE", "PAUSED", "AVAILABLE", "RUNNING", "OLDEST (S)")
    rows = [
        (each.name, each.paused_at, each.available, each.running, each.oldest_age_seconds)
        for each in queues
    ]
    print_table(columns, rows)
