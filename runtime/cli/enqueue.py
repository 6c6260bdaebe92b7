"""`enqueue`: add one job."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import click

from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, say
from runtime.cli.session import run_with_store
from runtime.config import Settings
from runtime.ids import uuid7
from runtime.job import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_PRIORITY,
    DEFAULT_QUEUE,
    MAX_PRIORITY,
    NewJob,
)

if TYPE_CHECKING:
    from actors.store.protocol import Store


def _time(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """An ISO 8601 time with its offset from UTC."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        example = "2027-01-31T08:00:00+01:00"
        raise click.BadParameter(f"{value!r} is no time such as {example}", context, parameter)
    return time


@click.command()
@configured()
@click.argument("kind")
@click.argument("args", metavar="[JSON]", default="{}")
@click.option("--queue", default=DEFAULT_QUEUE, show_default=True)
@click.option(
    "--priority",
    type=click.IntRange(1, MAX_PRIORITY),
    default=DEFAULT_PRIORITY,
    show_default=True,
    help="1 runs first.",
)
@click.option("--max-attempts", type=int, default=DEFAULT_MAX_ATTEMPTS, show_default=True)
@click.option("--delay", "delay_seconds", type=float, metavar="SECONDS", help="Run it later.")
@click.option("--at", "scheduled_at", metavar="TIME", callback=_time, help="Run it then.")
@click.option("--timeout", "timeout_seconds", type=float, metavar="SECONDS", help="0: none.")
@click.option("--tag", "tags", multiple=True, help="May be given more than once.")
@click.option("--metadata", metavar="JSON", default="{}")
@click.option("--id", "job_id", type=click.UUID, help="Repeating it adds nothing.")
@as_json
def enqueue(
    settings: Settings,
    *,
    kind: str,
    args: str,
    queue: str,
    priority: int,
    max_attempts: int,
    delay_seconds: float | None,
    scheduled_at: datetime | None,
    timeout_seconds: float | None,
    tags: tuple[str, ...],
    metadata: str,
    job_id: UUID | None,
    as_json: bool,
) -> None:
    """Add a job of KIND with the JSON object as its args ("-": read from stdin). Prints its id."""
    job = NewJob(
        id=job_id or uuid7(),
        kind=kind,
        args=sys.stdin.read() if args == "-" else args,
        queue=queue,
        priority=priority,
        max_attempts=max_attempts,
        timeout_seconds=timeout_seconds,
        delay_seconds=delay_seconds,
        scheduled_at=scheduled_at,
        tags=tags,
        metadata=metadata,
    )
    inserted = run_with_store(settings, lambda store: _insert(store, job))
    if as_json:
        print_json({"id": job.id, "inserted": inserted})
        return
    click.echo(job.id)
    if not inserted:
        say("a job of this id was there already; nothing was added")


async def _insert(store: Store, job: NewJob) -> bool:
    (inserted,) = await store.enqueue([job])
    return inserted
