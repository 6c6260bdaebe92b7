"""`job index`: optional indexes, to look for jobs by tags, metadata or args."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, print_table, say
from runtime.cli.session import reachable, run_with_bridge
from runtime.config import Settings

if TYPE_CHECKING:
    from actors.store.bridge import Bridge
    from actors.store.job_indexes import IndexedBy, JobIndex


@click.command("index")
@configured()
@click.argument("by", type=click.Choice(["args", "metadata", "tags"]), required=False)
@click.option("--drop", is_flag=True, help="Drop it.")
@as_json
def index_jobs(settings: Settings, by: IndexedBy | None, drop: bool, as_json: bool) -> None:
    """Build an index for conditions on BY, while others go on; without BY: list those there are.

    Each job pays for it at its enqueue, its claim and its ack.
    """
    from actors.store import job_indexes

    async def unit(bridge: Bridge) -> list[JobIndex]:
        if by is not None:
            await (job_indexes.drop_index if drop else job_indexes.create_index)(bridge, by)
        return await job_indexes.list_indexes(bridge)

    if drop and by is None:
        raise click.UsageError("--drop: which one?")
    with reachable(settings.config) as config:
        found = run_with_bridge(config, unit)
    if as_json:
        print_json(found)
        return
    print_table(("BY", "VALID", "BYTES"), [(each.by, each.valid, each.bytes) for each in found])
    if by is not None:
        say(f"the index by {by} is {'dropped' if drop else 'there'}")
