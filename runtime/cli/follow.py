"""What a job's runs told of themselves, as `job show` tells it; with --follow, as it comes.

Rule: with --json, one document a line, each a change; else lines for people.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

import click
import msgspec

from runtime.cli.output import printable
from runtime.note import LogLine

if TYPE_CHECKING:
    from runtime.client import Client
    from runtime.client.following import JobUpdate


def follow(client: Client, job_id: UUID, as_json: bool) -> None:
    """Print each change until the job's end."""
    before: JobUpdate | None = None
    for update in client.follow(job_id):
        if as_json:
            click.echo(msgspec.json.encode(update))
        else:
            for line in _news(before, update):
                click.echo(printable(line))
        before = update


def told(client: Client, job_id: UUID) -> Iterator[str]:
    """Lines for people: what the job's runs have told until now."""
    update = next(iter(client.follow(job_id)))
    standing = update.progress is not None or update.message or update.stored_at is not None
    if standing or update.lines:
        yield ""
        yield from map(printable, _told(None, update))


def _news(before: JobUpdate | None, update: JobUpdate) -> Iterator[str]:
    head = (update.state, update.run_number)
    if before is None or head != (before.state, before.run_number):
        attempt = f"attempt {update.attempt}/{update.max_attempts}"
        error = f": {update.error}" if update.error else ""
        yield f"{update.state.value} (run {update.run_number}, {attempt}){error}"
    yield from _told(before, update)


def _told(before: JobUpdate | None, update: JobUpdate) -> Iterator[str]:
    if update.lines_lost:
        yield f"  ... {update.lines_lost} lines are no longer kept ..."
    for line in update.lines:
        yield from _log_line(line)
    progress = None if before is None else (before.progress, before.message)
    if (update.progress, update.message) not in (progress, (None, None)):
        share = "" if update.progress is None else f"{update.progress:.0%} "
        yield f"  progress {share}{update.message or ''}".rstrip()
    if update.stored_at is not None and (before is None or update.stored_at != before.stored_at):
        yield f"  stored {msgspec.json.encode(update.stored).decode()}"


def _log_line(line: LogLine) -> Iterator[str]:
    head = f"  {line.at:%H:%M:%S} {line.level} {line.logger}"
    first, *rest = line.text.splitlines() or [""]
    yield f"{head}: {first}"
    yield from (f"    {each}" for each in rest)
