"""`dead`: the discarded jobs: look at them, retry them, export them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from uuid import UUID

import click

from runtime.cli.exits import Exit
from runtime.cli.job_flags import filtered
from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, print_table, say
from runtime.cli.session import run_with_client
from runtime.config import Settings
from runtime.errors import UsageError
from runtime.job import Job
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState

if TYPE_CHECKING:
    from runtime.client import Client

_COLUMNS = ("ID", "KIND", "QUEUE", "ATTEMPT", "CRASHES", "DISCARDED", "ERROR", "MESSAGE")
_MOST_LISTED = 10_000
_MESSAGE_LENGTH = 60


@click.group()
def dead() -> None:
    """Look at dead letters, the discarded jobs; retry them, or export them."""


@dead.command("list")
@filtered
@configured()
@click.option("--limit", type=click.IntRange(1, _MOST_LISTED), default=50, show_default=True)
@click.option("--before", "cursor", metavar="CURSOR", help="The next page: see the one before.")
@as_json
def list_dead(
    settings: Settings, wanted: JobFilter, limit: int, cursor: str | None, as_json: bool
) -> None:
    """List them with their last failures, those that were discarded last first."""
    page = run_with_client(
        settings, lambda client: client.dead.list(wanted, limit=limit, cursor=cursor)
    )
    if as_json:
        print_json(page.jobs)
        return
    print_table(_COLUMNS, [_row(job) for job in page])
    if page.cursor is not None:
        say(f"for the next page: --before {page.cursor}")


@dead.command("show")
@configured()
@click.argument("job_id", metavar="ID", type=click.UUID)
@as_json
def show_dead(settings: Settings, job_id: UUID, as_json: bool) -> None:
    """Show all of one, with all its failures."""
    from runtime.cli.jobs import print_job

    job = run_with_client(settings, lambda client: client.get(job_id))
    if job.state is not JobState.DISCARDED:
        raise UsageError(f"job {job_id} is {job.state.value}; only discarded ones are dead letters")
    if as_json:
        print_json(job)
    else:
        print_job(job)


@dead.command("retry")
@filtered
@configured()
@click.argument("job_ids", metavar="[ID]...", type=click.UUID, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@click.option("--limit", type=click.IntRange(0), help="Meet at most so many.")
@click.option("--dry-run", is_flag=True, help="Say what would be retried; change nothing.")
@as_json
def retry_dead(
    settings: Settings,
    wanted: JobFilter,
    job_ids: tuple[UUID, ...],
    everything: bool,
    limit: int | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Make them available now: with one more attempt, and a crash budget as new."""
    if sum((bool(job_ids), everything, not wanted.says_nothing)) != 1:
        raise UsageError("which ones? Give ids, conditions such as --kind, or --all")
    chosen = JobFilter(id=job_ids) if job_ids else wanted
    done = run_with_client(
        settings, lambda client: client.dead.retry(chosen, limit=limit, dry_run=dry_run)
    )
    if as_json:
        print_json(done)
    else:
        would = "would be " if dry_run else ""
        rows = [(done.changed, f"{would}made available"), (done.skipped, "left as they are")]
        print_table(("JOBS", "RESULT"), [rows[0], *(row for row in rows[1:] if row[0])])
    missing = len(job_ids) - done.met
    if missing > 0:
        say(f"{missing} of these are no dead letters")
    return Exit.FAILED if missing > 0 else Exit.OK


@dead.command("export")
@filtered
@configured()
@click.option("--after", "cursor", metavar="CURSOR", help="Go on behind this one.")
def export_dead(settings: Settings, wanted: JobFilter, cursor: str | None) -> None:
    """Write them as JSON lines, those that were discarded first first.

    Each line has a "cursor": with --after, a later export goes on behind it.
    """

    def write(client: Client) -> None:
        for letter in client.dead.export(wanted, cursor=cursor):
            sys.stdout.write(letter.line() + "\n")

    run_with_client(settings, write)


def _row(job: Job) -> tuple[object, ...]:
    last = job.failures[0] if job.failures else None
    return (
        job.id,
        job.kind,
        job.queue,
        f"{job.attempt}/{job.max_attempts}",
        job.crashes,
        job.finalized_at,
        last and last.error_class,
        last and last.message[:_MESSAGE_LENGTH],
    )
