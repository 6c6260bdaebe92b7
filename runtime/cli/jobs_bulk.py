"""`job cancel`, `pause`, `resume`, `retry`, `delete`, `reschedule`, `move`: of jobs by id, or of
all that are meant.

Rules: which jobs are meant is said by ids or by conditions, never by saying nothing (`--all` says
it). On a terminal, a change by conditions asks before it begins. Progress goes to stderr.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import click

from runtime.cli.exits import Exit
from runtime.cli.job_flags import filtered, time
from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, print_table, say
from runtime.cli.session import run_with_client
from runtime.config import Settings
from runtime.errors import JobNotFound, UsageError
from runtime.job import MAX_PRIORITY, Job
from runtime.job_filter import JobFilter

if TYPE_CHECKING:
    from runtime.client import Client
    from runtime.client.jobs_bulk import BulkChange

Command = Callable[..., Any]
Act = Callable[..., "BulkChange"]

# Before a change asks whether it may begin, it counts so many jobs at most.
_COUNTED = 100_000


@attrs.frozen
class Many:
    """How many are changed: the flags that all these commands have."""

    job_ids: tuple[UUID, ...]
    wanted: JobFilter
    everything: bool
    limit: int | None
    batch: int
    resume: str | None
    dry_run: bool
    yes: bool
    as_json: bool

    @property
    def by_ids(self) -> bool:
        """Whether the jobs are named one by one. Raises: UsageError, if it is not clear which."""
        if self.job_ids and (self.everything or not self.wanted.says_nothing):
            raise UsageError("give ids or conditions, not both")
        if not self.job_ids and not self.everything and self.wanted.says_nothing:
            raise UsageError("which jobs? Give their ids, conditions such as --kind, or --all")
        return bool(self.job_ids)


def changing(command: Command) -> Command:
    """Give a click command all flags of `Many`, and `many`."""
    names = [each.name for each in attrs.fields(Many) if each.name != "wanted"]

    @functools.wraps(command)
    def invoke(*positional: Any, wanted: JobFilter, **given: Any) -> Any:
        many = Many(wanted=wanted, **{name: given.pop(name) for name in names})
        return command(*positional, many=many, **given)

    with_flags = as_json(filtered(invoke))
    for flag in reversed(_FLAGS):
        with_flags = flag(with_flags)
    return configured()(_ids(with_flags))


_ids = click.argument("job_ids", metavar="[ID]...", type=click.UUID, nargs=-1)
_FLAGS = (
    click.option("--all", "everything", is_flag=True, help="All jobs there are."),
    click.option("--limit", type=click.IntRange(0), help="Meet at most so many."),
    click.option(
        "--batch",
        type=click.IntRange(1, 10_000),
        default=1_000,
        show_default=True,
        help="Jobs in a transaction.",
    ),
    click.option("--resume", metavar="PLACE", help="Go on where an earlier one stopped."),
    click.option("--dry-run", is_flag=True, help="Say what would be changed; change nothing."),
    click.option("--yes", is_flag=True, help="Do not ask."),
)


@click.command("cancel")
@changing
@click.option("--reason", help="Kept with the jobs; the handlers of those that run are told.")
@click.option("--force", is_flag=True, help="End workflows that clean up without that.")
def cancel_jobs(settings: Settings, many: Many, reason: str | None, force: bool) -> int:
    """Cancel jobs: at once, or by their node while they run. Final jobs stay as they are.

    Workflows made with clean_up=True are told, undo what they did, and end then.
    """
    if many.by_ids:
        return _each(settings, many, lambda client, id_: client.cancel(id_, reason, force=force))

    def act(client: Client) -> Act:
        return functools.partial(client.jobs.cancel, reason=reason, force=force)

    return _bulk(settings, many, "cancel", act)


@click.command("pause")
@changing
def pause_jobs(settings: Settings, many: Many) -> int:
    """Hold jobs back: at once, or, while they run, when their run ends. Final jobs stay."""
    if many.by_ids:
        return _each(settings, many, lambda client, job_id: client.pause_job(job_id))
    return _bulk(settings, many, "pause", lambda client: client.jobs.pause)


@click.command("resume")
@changing
def resume_jobs(settings: Settings, many: Many) -> int:
    """Let paused jobs go on from where they were. Others stay as they are."""
    if many.by_ids:
        return _each(settings, many, lambda client, job_id: client.resume_job(job_id))
    return _bulk(settings, many, "resume", lambda client: client.jobs.resume)


@click.command("retry")
@changing
def retry_jobs(settings: Settings, many: Many) -> int:
    """Make jobs that are not running available now, with one more attempt if all were used."""
    if many.by_ids:
        return _each(settings, many, lambda client, job_id: client.retry(job_id))
    return _bulk(settings, many, "retry", lambda client: client.jobs.retry)


@click.command("delete")
@changing
def delete_jobs(settings: Settings, many: Many) -> int:
    """Delete jobs that are not running."""
    if many.by_ids:
        return run_with_client(settings, lambda client: _delete_each(client, many))
    return _bulk(settings, many, "delete", lambda client: client.jobs.delete)


@click.command("reschedule")
@changing
@click.option("--to", "to", callback=time, metavar="TIME", help="Run them then.")
@click.option("--delay", "delay", type=float, metavar="SECONDS", help="Run them so much from now.")
def reschedule_jobs(
    settings: Settings, many: Many, to: datetime | None, delay: float | None
) -> int:
    """Have jobs that wait (available, scheduled or retryable) run at another time."""

    def act(client: Client) -> Act:
        return functools.partial(client.jobs.reschedule, to=to, delay=delay)

    return _bulk(settings, many, "reschedule", act)


@click.command("move")
@changing
@click.option("--to-queue")
@click.option("--to-priority", type=click.IntRange(1, MAX_PRIORITY))
def move_jobs(settings: Settings, many: Many, to_queue: str | None, to_priority: int | None) -> int:
    """Move jobs that wait to another queue, another priority, or both."""

    def act(client: Client) -> Act:
        return functools.partial(client.jobs.move, queue=to_queue, priority=to_priority)

    return _bulk(settings, many, "move", act)


COMMANDS = (
    cancel_jobs,
    pause_jobs,
    resume_jobs,
    retry_jobs,
    delete_jobs,
    reschedule_jobs,
    move_jobs,
)


def _bulk(settings: Settings, many: Many, verb: str, act: Callable[[Client], Act]) -> int:
    done = run_with_client(settings, lambda client: _change(client, many, verb, act(client)))
    if many.as_json:
        print_json(done)
    else:
        print_table(("JOBS", "RESULT"), _results(done))
    if done.resume is not None:
        say(f"there may be more: --resume {done.resume}")
    return Exit.OK


def _change(client: Client, many: Many, verb: str, act: Act) -> BulkChange:
    wanted = many.wanted if not many.by_ids else JobFilter(id=many.job_ids)
    if not (many.by_ids or many.yes or many.dry_run) and sys.stdin.isatty():
        _ask(client, wanted, verb, many.limit)
    return act(
        wanted,
        everything=many.everything,
        limit=many.limit,
        batch=many.batch,
        resume=many.resume,
        dry_run=many.dry_run,
        progress=_Progress(many.batch),
    )


def _ask(client: Client, wanted: JobFilter, verb: str, limit: int | None) -> None:
    """Raises: click.Abort."""
    most = _COUNTED if limit is None else min(limit, _COUNTED)
    found = sum(client.jobs.count(wanted, at_most=most).values())
    more = " or more" if found == _COUNTED else ""
    click.confirm(f"{verb} {found:,}{more} jobs?", abort=True, err=True)


class _Progress:
    """Says how far a change is, once it takes more than one batch."""

    def __init__(self, batch: int) -> None:
        self._batch = batch

    def __call__(self, done: BulkChange) -> None:
        if done.resume is not None and done.met >= self._batch:
            say(f"{done.met:,} jobs so far")


def _results(done: BulkChange) -> list[tuple[object, str]]:
    would = "would be " if done.dry_run else ""
    past = {"cancel": "cancelled", "retry": "made available", "delete": "deleted"}
    asked = "running: their nodes " + ("would be asked" if done.dry_run else "were asked")
    if done.change in ("pause", "resume"):
        asked = f"running: {would}{done.change}d as they run"
    rows = [
        (done.changed, would + past.get(done.change, f"{done.change}d")),
        (done.asked, asked),
        (done.running, "left, as they run"),
        (done.skipped, "left, as this cannot be done to them"),
    ]
    return [rows[0], *(row for row in rows[1:] if row[0])]


def _each(settings: Settings, many: Many, change: Callable[[Client, UUID], Job]) -> int:
    """By ids: one after the other; the first that is not there ends it."""
    from runtime.cli.jobs import print_jobs

    def all_of_them(client: Client) -> list[Job]:
        return [change(client, job_id) for job_id in many.job_ids]

    print_jobs(run_with_client(settings, all_of_them), many.as_json)
    return Exit.OK


def _delete_each(client: Client, many: Many) -> int:
    deleted: dict[UUID, bool] = {}
    for job_id in many.job_ids:
        done = client.jobs.delete(JobFilter(id=job_id))
        if not done.met:
            raise JobNotFound(job_id)
        deleted[job_id] = done.changed == 1
    if many.as_json:
        print_json([{"id": job_id, "deleted": done} for job_id, done in deleted.items()])
    else:
        words = {True: "deleted", False: "running: cancel it first"}
        print_table(("ID", "RESULT"), [(job_id, words[done]) for job_id, done in deleted.items()])
    return Exit.OK if all(deleted.values()) else Exit.FAILED
