"""`job`: look at jobs, cancel, retry or delete them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from runtime.cli.exits import Exit
from runtime.cli.options import as_json, configured
from runtime.cli.output import print_fields, print_json, print_table, printable, say
from runtime.cli.session import run_with_store
from runtime.config import Settings
from runtime.job import FailureRow, Job
from runtime.lifecycle import JobState

if TYPE_CHECKING:
    from actors.store.protocol import Store

_COLUMNS = ("ID", "STATE", "KIND", "QUEUE", "PRIORITY", "ATTEMPT", "SCHEDULED", "NODE")
_MOST_LISTED = 10_000

_job_ids = click.argument("job_ids", metavar="ID...", type=click.UUID, nargs=-1, required=True)


@click.group()
def job() -> None:
    """Look at jobs, cancel, retry or delete them."""


@job.command("list")
@configured()
@click.option("--state", type=click.Choice([state.value for state in JobState]))
@click.option("--queue")
@click.option("--kind")
@click.option("--tag")
@click.option("--limit", type=click.IntRange(1, _MOST_LISTED), default=50, show_default=True)
@click.option("--before", type=click.UUID, help="Only older ones than this: the next page.")
@as_json
def list_jobs(
    settings: Settings,
    state: str | None,
    queue: str | None,
    kind: str | None,
    tag: str | None,
    limit: int,
    before: UUID | None,
    as_json: bool,
) -> None:
    """List jobs, newest first. All given conditions hold."""
    from actors.store.protocol import JobFilter

    wanted = JobFilter(
        state=JobState(state) if state else None,
        queue=queue,
        kind=kind,
        tag=tag,
        limit=limit,
        before=before,
    )
    found = run_with_store(settings, lambda store: store.jobs(wanted))
    if as_json:
        print_json(found)
        return
    print_table(_COLUMNS, [_row(each) for each in found])
    if len(found) == limit:
        say(f"for the next page: --before {found[-1].id}")


@job.command("count")
@configured()
@as_json
def count_jobs(settings: Settings, as_json: bool) -> None:
    """Count jobs by state. Reads the whole table."""
    counts = run_with_store(settings, lambda store: store.counts())
    by_word = {state.value: counts.get(state, 0) for state in JobState}
    if as_json:
        print_json(by_word)
    else:
        print_table(("STATE", "JOBS"), list(by_word.items()))


@job.command("show")
@configured()
@click.argument("job_id", metavar="ID", type=click.UUID)
@as_json
def show_job(settings: Settings, job_id: UUID, as_json: bool) -> None:
    """Show all of a job, with its failures."""
    found = run_with_store(settings, lambda store: store.get(job_id))
    if as_json:
        print_json(found)
        return
    print_fields(_fields(found))
    for failure in found.failures:
        click.echo()
        click.echo(_describe(failure))


@job.command("cancel")
@configured()
@_job_ids
@as_json
def cancel_jobs(settings: Settings, job_ids: tuple[UUID, ...], as_json: bool) -> None:
    """Cancel jobs: at once, or by their node while they run. Final jobs stay as they are."""
    _change(settings, job_ids, lambda store, job_id: store.cancel(job_id), as_json)


@job.command("retry")
@configured()
@_job_ids
@as_json
def retry_jobs(settings: Settings, job_ids: tuple[UUID, ...], as_json: bool) -> None:
    """Make jobs that are not running available now, with one more attempt if all were used."""
    _change(settings, job_ids, lambda store, job_id: store.retry(job_id), as_json)


@job.command("delete")
@configured()
@_job_ids
@as_json
def delete_jobs(settings: Settings, job_ids: tuple[UUID, ...], as_json: bool) -> int:
    """Delete jobs that are not running."""

    async def delete(store: Store) -> dict[UUID, bool]:
        return {job_id: await store.delete(job_id) for job_id in job_ids}

    deleted = run_with_store(settings, delete)
    if as_json:
        print_json([{"id": job_id, "deleted": done} for job_id, done in deleted.items()])
    else:
        words = {True: "deleted", False: "running: cancel it first"}
        print_table(("ID", "RESULT"), [(job_id, words[done]) for job_id, done in deleted.items()])
    return Exit.OK if all(deleted.values()) else Exit.FAILED


def _change(
    settings: Settings,
    job_ids: Sequence[UUID],
    change: Callable[[Store, UUID], Awaitable[Job]],
    as_json: bool,
) -> None:
    async def change_all(store: Store) -> list[Job]:
        return [await change(store, job_id) for job_id in job_ids]

    changed = run_with_store(settings, change_all)
    if as_json:
        print_json(changed)
    else:
        print_table(_COLUMNS, [_row(each) for each in changed])


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
    cancelling = job.state is JobState.RUNNING and job.cancel_requested_at is not None
    return "running (cancel requested)" if cancelling else job.state.value


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
        )
        if value is not None
    ]
    lines = [head, f"{failure.error_class}: {failure.message}", *died, failure.trace.rstrip()]
    return "\n  ".join(printable(line) for text in lines if text for line in text.splitlines())
