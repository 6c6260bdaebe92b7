"""`enqueue`: add one job."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import click

from runtime import payload
from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, say
from runtime.cli.session import run_with_client
from runtime.config import Settings
from runtime.errors import UsageError
from runtime.external_id import external_id as named_id
from runtime.handler_enqueue import with_key
from runtime.ids import uuid7
from runtime.job import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_PRIORITY,
    DEFAULT_QUEUE,
    MAX_PRIORITY,
    NewJob,
)
from runtime.unique import OnConflict, Unique

if TYPE_CHECKING:
    from runtime.client import BulkResult


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
@click.option("--key", help="What its queue groups it by.")
@click.option("--sequence", is_flag=True, help="One at a time, in order, of its key.")
@click.option("--unique", is_flag=True, help="Not if a job of this kind has the same args.")
@click.option("--unique-by", "names", multiple=True, metavar="ARG", help="Only by this arg.")
@click.option("--unique-period", type=float, metavar="SECONDS", help="Once in each.")
@click.option("--unique-queue", is_flag=True, help="Jobs of other queues are others.")
@click.option(
    "--on-conflict",
    type=click.Choice(["keep", "replace", "fail"]),
    default="keep",
    show_default=True,
    help="What to do with the job that is there.",
)
@click.option("--expires-in", "expires_seconds", type=float, metavar="SECONDS", help="Not later.")
@click.option("--expires-at", metavar="TIME", callback=_time, help="Not after that.")
@click.option("--id", "job_id", type=click.UUID, help="Repeating it adds nothing.")
@click.option("--external-id", metavar="NAME", help="The same, by a name of yours.")
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
    key: str | None,
    sequence: bool,
    unique: bool,
    names: tuple[str, ...],
    unique_period: float | None,
    unique_queue: bool,
    on_conflict: OnConflict,
    expires_seconds: float | None,
    expires_at: datetime | None,
    job_id: UUID | None,
    external_id: str | None,
    as_json: bool,
) -> None:
    """Add a job of KIND with the JSON object as its args ("-": read from stdin). Prints its id."""
    if external_id is not None:
        if job_id is not None:
            raise UsageError("both --id and --external-id; give one of them")
        job_id = named_id(kind, external_id)
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
        key=key,
        sequence=sequence,
        expires_seconds=expires_seconds,
        expires_at=expires_at,
    )
    payload.check_text("args", job.args)
    payload.check_text("metadata", job.metadata)
    if unique or names or unique_period is not None or unique_queue:
        by = Unique(
            args=names or True, period=unique_period, queue=unique_queue, on_conflict=on_conflict
        )
        job = with_key(job, by, job.args)
    elif on_conflict != "keep":
        raise UsageError("--on-conflict says what a unique job does; give --unique, too")
    result = run_with_client(settings, lambda client: client.enqueue_many([job]))
    _show(job, result, as_json=as_json)


def _show(job: NewJob, result: BulkResult, *, as_json: bool) -> None:
    found = result.duplicates.get(job.id)
    told = {"id": found or job.id, "inserted": result.inserted == 1}
    if as_json:
        print_json(told | {"duplicate": found is not None, "replaced": result.replaced == 1})
        return
    click.echo(told["id"])
    if result.replaced:
        say("this job is the same and waited: its fields were replaced")
    elif found is not None:
        say("this job is the same and was kept as it is; nothing was added")
    elif not result.inserted:
        say("a job of this id was there already; nothing was added")
