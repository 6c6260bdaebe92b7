"""`queue`: look at queues, pause, resume or limit them, and have running nodes serve them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import click

from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, print_table, say
from runtime.cli.session import run_with_client, run_with_store
from runtime.config import Settings
from runtime.limits import QueueLimits, Rate
from runtime.retention import Kept

if TYPE_CHECKING:
    from actors.store.protocol import QueueInfo, Store
    from runtime.client import Client

_names = click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
_node = click.option("--node", metavar="NAME", help="This node alone; else all that live.")


@click.group()
def queue() -> None:
    """Look at queues, pause, resume or limit them."""


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


@queue.command("limit")
@configured()
@click.argument("name", metavar="QUEUE")
@click.option("--concurrency", type=int, metavar="N", help="Jobs that run at once.")
@click.option("--per-key", type=int, metavar="N", help="Jobs of one key that run at once.")
@click.option("--rate", metavar="N/SECONDS", help="Jobs that begin in so many seconds.")
@click.option("--burst", type=int, metavar="N", help="Of them: how many at one moment.")
@click.option("--rate-per-key", is_flag=True, help="The rate is one of each key.")
@click.option("--fair", is_flag=True, help="Keys take turns.")
@as_json
def limit_queue(
    settings: Settings,
    name: str,
    rate: str | None,
    burst: int | None,
    rate_per_key: bool,
    as_json: bool,
    **limits: Any,
) -> None:
    """Limit a queue over all nodes. What is not given is not limited; without any, nothing is."""
    wanted = QueueLimits(rate=_rate(rate, burst, rate_per_key), **limits)

    def limit(client: Client) -> dict[str, QueueLimits]:
        client.queues.limit(name, **attrs.asdict(wanted, recurse=False))
        return client.queues.limits()

    found = run_with_client(settings, limit)
    _print_limits({name: found[name]} if name in found else {}, as_json)
    say(f"limited: {name}" if wanted else f"not limited any more: {name}")


@queue.command("limits")
@configured()
@as_json
def list_limits(settings: Settings, as_json: bool) -> None:
    """List the limits of queues."""
    _print_limits(run_with_client(settings, lambda client: client.queues.limits()), as_json)


@queue.command("keep")
@configured()
@click.argument("name", metavar="QUEUE")
@click.option("--completed", type=float, metavar="SECONDS", help="0: for ever.")
@click.option("--cancelled", type=float, metavar="SECONDS")
@click.option("--discarded", type=float, metavar="SECONDS")
@as_json
def keep_queue(settings: Settings, name: str, as_json: bool, **seconds: float | None) -> None:
    """Say how long a queue keeps its final jobs; what is not given is as by the nodes' options."""
    wanted = Kept(**seconds)

    def keep(client: Client) -> dict[str, Kept]:
        client.queues.keep(name, **attrs.asdict(wanted))
        return client.queues.kept()

    _print_kept(run_with_client(settings, keep), as_json)


@queue.command("kept")
@configured()
@as_json
def list_kept(settings: Settings, as_json: bool) -> None:
    """List the queues that keep final jobs for a time of their own."""
    _print_kept(run_with_client(settings, lambda client: client.queues.kept()), as_json)


@queue.command("add")
@configured()
@click.argument("name", metavar="QUEUE[:LIMIT][:weight=N]")
@_node
@as_json
def add_queue(settings: Settings, name: str, node: str | None, as_json: bool) -> None:
    """Have running nodes serve a queue besides, until they end."""
    nodes = run_with_client(settings, lambda client: client.queues.add(name, node=node))
    _print_nodes(nodes, as_json)
    say(f"added: {name}")


@queue.command("remove")
@configured()
@click.argument("name", metavar="QUEUE")
@_node
@as_json
def remove_queue(settings: Settings, name: str, node: str | None, as_json: bool) -> None:
    """Have running nodes claim no more from a queue, until they end. What runs goes on."""
    nodes = run_with_client(settings, lambda client: client.queues.remove(name, node=node))
    _print_nodes(nodes, as_json)
    say(f"removed: {name}")


def _rate(text: str | None, burst: int | None, per_key: bool) -> Rate | None:
    if text is None:
        if burst is not None or per_key:
            raise click.UsageError("--burst and --rate-per-key belong to --rate")
        return None
    count, _, seconds = text.partition("/")
    try:
        given = {} if burst is None else {"burst": burst}
        return Rate(int(count), per=float(seconds or 1), per_key=per_key, **given)
    except ValueError:
        raise click.UsageError(f"--rate is {text!r}, but must be as 100/60") from None


def _print_kept(kept: Mapping[str, Kept], as_json: bool) -> None:
    if as_json:
        print_json(kept)
        return
    columns = ("QUEUE", "COMPLETED (S)", "CANCELLED (S)", "DISCARDED (S)")
    print_table(columns, [(name, *attrs.astuple(each)) for name, each in kept.items()])


def _print_limits(limits: Mapping[str, QueueLimits], as_json: bool) -> None:
    if as_json:
        print_json(limits)
        return
    columns = ("QUEUE", "CONCURRENCY", "PER KEY", "RATE", "BURST", "OF EACH KEY", "FAIR")
    rows = []
    for name, each in limits.items():
        rate = each.rate
        shown = None if rate is None else f"{rate.count}/{rate.per:g} s"
        burst, per_key = (None, None) if rate is None else (rate.burst, rate.per_key)
        rows.append((name, each.concurrency, each.per_key, shown, burst, per_key, each.fair))
    print_table(columns, rows)


def _print_nodes(nodes: list[str], as_json: bool) -> None:
    if as_json:
        print_json(nodes)
    else:
        print_table(("NODE",), [(name,) for name in nodes])


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
