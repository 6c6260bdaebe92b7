"""`node`: look at the nodes that serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, print_table
from runtime.cli.session import run_with_store
from runtime.config import Settings

if TYPE_CHECKING:
    from actors.store.protocol import NodeRow

_COLUMNS = ("ID", "NODE", "STATE", "LEADER", "RUNNING", "WORKERS", "QUEUES", "VERSION", "HEARTBEAT")


@click.group()
def node() -> None:
    """Look at the nodes that serve."""


@node.command("list")
@configured()
@as_json
def list_nodes(settings: Settings, as_json: bool) -> None:
    """List all known nodes, the living first."""
    found = run_with_store(settings, lambda store: store.nodes())
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [_row(each) for each in found])


def _row(node: NodeRow) -> tuple[object, ...]:
    state = "alive" if node.live else "gone"
    return (
        node.id,
        node.name,
        state,
        node.leader,
        node.running,
        node.workers,
        node.queues,
        node.version,
        node.heartbeat_at,
    )
