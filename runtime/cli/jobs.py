"""`job`: look at jobs, and change them (see `jobs_bulk`)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from runtime.cli import follow, jobs_bulk
from runtime.cli.graph import graph_picture
from runtime.cli.job_flags import filtered
from runtime.cli.job_index import index_jobs
from runtime.cli.options import as_json, configured
from runtime.cli.output import NOTHING, cell, print_fields, print_json, print_table, printable, say
from runtime.cli.session import run_with_client
from runtime.cli.timeline import marks_for
from runtime.cli.workflow import print_timeline
from runtime.config import Settings
from runtime.errors import UsageError
from runtime.family import Family
from runtime.graph_node import GraphNode
from runtime.job import FailureRow, Job
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState
from runtime.timeline import Step

if TYPE_CHECKING:
    from runtime.client import Client
    from runtime.client.jobs import Order

_COLUMNS = ("ID", "STATE", "KIND", "QUEUE", "PRIORITY", "ATTEMPT", "SCHEDULED", "NODE")
_MOST_LISTED = 10_000
# With conditions, so many are counted at most, unless all are asked for.
_COUNTED = 10_000


@click.group()
def job() -> None:
    """Look at jobs; cancel, pause, resume, retry, delete, reschedule or move them."""


@job.command("list")
@filtered
@configured()
@click.option("--limit", type=click.IntRange(1, _MOST_LISTED), default=50, show_default=True)
@click.option("--before", "cursor", metavar="CURSOR", help="The next page: see the one before.")
@click.option(
    "--order",
    type=click.Choice(["newest", "finalized"]),
    default="newest",
    show_default=True,
    help="finalized: those that ended last first.",
)
@as_json
def list_jobs(
    settings: Settings,
    wanted: JobFilter,
    limit: int,
    cursor: str | None,
    order: Order,
    as_json: bool,
) -> None:
    """List jobs. All given conditions hold; of one with several values, any of them."""
    page = run_with_client(
        settings,
        lambda client: client.jobs.list(wanted, limit=limit, cursor=cursor, order=order),
    )
    print_jobs(page.jobs, as_json)
    if page.cursor is not None and not as_json:
        say(f"for the next page: --before {page.cursor}")


@job.command("count")
@filtered
@configured()
@click.option("--exact", is_flag=True, help="Count the rows themselves, however many there are.")
@click.option("--by-queue", is_flag=True, help="By queue and state.")
@click.option("--repair", is_flag=True, help="First set the counts right, by the rows themselves.")
@as_json
def count_jobs(
    settings: Settings,
    wanted: JobFilter,
    exact: bool,
    by_queue: bool,
    repair: bool,
    as_json: bool,
) -> None:
    """Count jobs by state: at no cost that grows with their number, unless there are conditions.

    Of jobs that conditions mean, it counts 10,000 at most; --exact counts all.
    """
    if repair:
        wrong = run_with_client(settings, lambda client: client.jobs.recount())
        say(f"{wrong} counts were wrong, and are right now" if wrong else "all counts were right")
    if by_queue:
        if exact or not wanted.says_nothing:
            raise UsageError("--by-queue counts all jobs: give neither conditions nor --exact")
        _print_by_queue(run_with_client(settings, lambda client: client.jobs.counts()), as_json)
        return
    counts = run_with_client(settings, lambda client: _count(client, wanted, exact))
    by_word = {state.value: counts.get(state, 0) for state in JobState}
    if as_json:
        print_json(by_word)
    else:
        print_table(("STATE", "JOBS"), list(by_word.items()))
    if not exact and not wanted.says_nothing and sum(counts.values()) >= _COUNTED:
        say(f"there may be more than these {_COUNTED:,}: --exact counts them all")


def _count(client: Client, wanted: JobFilter, exact: bool) -> dict[JobState, int]:
    if exact or not wanted.says_nothing:
        return client.jobs.count(wanted, at_most=None if exact else _COUNTED)
    total: dict[JobState, int] = {}
    for (_, state), jobs in client.jobs.counts().items():
        total[state] = total.get(state, 0) + jobs
    return total


def _print_by_queue(counts: Mapping[tuple[str, JobState], int], as_json: bool) -> None:
    rows = [(queue, state.value, jobs) for (queue, state), jobs in counts.items()]
    if as_json:
        print_json([dict(zip(("queue", "state", "jobs"), row, strict=True)) for row in rows])
    else:
        print_table(("QUEUE", "STATE", "JOBS"), rows)


@job.command("show")
@configured()
@click.argument("job_id", metavar="ID", type=click.UUID)
@click.option("--follow", "-f", "following", is_flag=True, help="Show each change, to its end.")
@click.option("--app", "app_path", metavar="APP", help="Whose keys open what is encrypted.")
@as_json
def show_job(
    settings: Settings, job_id: UUID, following: bool, app_path: str | None, as_json: bool
) -> None:
    """Show all of a job, with its failures and what its runs have told.

    With --follow: what changes, as it comes, until the job's end; with --json, a line a change.
    """
    run_with_client(
        settings, lambda client: _show(client, job_id, following, as_json), app_path=app_path
    )


def _show(client: Client, job_id: UUID, following: bool, as_json: bool) -> None:
    if following:
        follow.follow(client, job_id, as_json)
        return
    found, family, steps = client.get(job_id), client.family(job_id), client.steps(job_id)
    nodes = client.graph(job_id) if steps else []
    if as_json:
        print_json(_with_relations(found, family, steps, nodes))
        return
    print_job(found, _relations(family))
    if steps:
        click.echo()
        print_timeline(steps)
    for line in graph_picture(nodes, marks_for(sys.stdout.encoding)):
        click.echo(line)
    for line in follow.told(client, job_id):
        click.echo(line)


def _with_relations(
    found: Job, family: Family, steps: Sequence[Step], nodes: Sequence[GraphNode]
) -> object:
    """A job as it is; a child with its parent, a workflow with its children, its timeline and its
    graphs."""
    fields: dict[str, Any] = {name: getattr(found, name) for name in found.__struct_fields__}
    if family.parent is not None:
        fields["parent"] = family.parent
    if family.children:
        fields["children"] = {state.value: jobs for state, jobs in family.children.items()}
    if steps:
        fields["steps"] = steps
    if nodes:
        fields["graph"] = nodes
    return fields


def _relations(family: Family) -> dict[str, str]:
    """The same in words."""
    words = {}
    parent, children = family.parent, family.children
    if parent is not None:
        what = "gone" if parent.state is None else f"{parent.kind}, {parent.state.value}"
        words["parent"] = f"{parent.id} at step {parent.place} ({what})"
    if children:
        words["children"] = ", ".join(f"{jobs} {state.value}" for state, jobs in children.items())
    return words


def print_job(found: Job, relations: Mapping[str, str] | None = None) -> None:
    """All of a job, with its failures, for people. `relations`: what else is told of it."""
    print_fields(_fields(found) | dict(relations or {}))
    for failure in found.failures:
        click.echo()
        click.echo(_describe(failure))


for _command in (*jobs_bulk.COMMANDS, index_jobs):
    job.add_command(_command)


def print_jobs(found: Sequence[Job], as_json: bool) -> None:
    """Jobs as a table, or as JSON."""
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [_row(each) for each in found])


def _row(job: Job) -> tuple[object, ...]:
    return (
        job.id,
        _state(job),
        job.kind,
        job.queue,
        job.priority,
        f"{job.attempt}/{job.max_attempts}",
        job.scheduled_at,
        job.node,
    )


def _state(job: Job) -> str:
    notes = [
        note
        for note, holds in (
            ("cancel requested", not job.state.final and job.cancel_requested_at is not None),
            ("paused", job.paused_at is not None),
        )
        if holds
    ]
    return f"{job.state.value} ({', '.join(notes)})" if notes else job.state.value


def _fields(job: Job) -> dict[str, Any]:
    import msgspec

    fields = {name: getattr(job, name) for name in job.__struct_fields__ if name != "failures"}
    fields["state"] = _state(job)
    for name in ("args", "output", "metadata"):
        if fields[name] is not None:
            fields[name] = msgspec.json.encode(fields[name]).decode()
    return fields


def _describe(failure: FailureRow) -> str:
    where = f" on {failure.node}" if failure.node else ""
    when = failure.failed_at.strftime("%Y-%m-%d %H:%M:%SZ")
    head = f"run {failure.run_number} (attempt {failure.attempt}) failed at {when}{where}"
    died = [
        f"{word} {value}"
        for word, value in (
            ("pid", failure.pid),
            ("exit status", failure.exit_status),
            ("signal", failure.signal),
            ("wall seconds", cell(failure.wall_seconds)),
            ("CPU seconds", cell(failure.cpu_seconds)),
            ("peak memory, KiB", failure.peak_rss_kib),
        )
        if value not in (None, NOTHING)
    ]
    lines = [head, f"{failure.error_class}: {failure.message}", *died, failure.trace.rstrip()]
    return "\n  ".join(printable(line) for text in lines if text for line in text.splitlines())
