"""`schedule`: have jobs enqueued at times of a clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import msgspec

from runtime import payload
from runtime.cli.options import as_json, configured
from runtime.cli.output import print_fields, print_json, print_table, say
from runtime.cli.session import run_with_client
from runtime.config import Settings
from runtime.errors import UsageError
from runtime.handler_enqueue import Enqueuer, Kind
from runtime.job import MAX_PRIORITY
from runtime.schedule import Schedule
from runtime.timing import MOST_CATCH_UP, Timing, cron, every

if TYPE_CHECKING:
    from runtime.client import Client

_COLUMNS = ("NAME", "KIND", "QUEUE", "TIMES", "LAST", "NEXT", "STATE")

_name = click.argument("name")
_names = click.argument("names", metavar="NAME...", nargs=-1, required=True)


def _times(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags that say when a schedule fires."""
    for option in (
        click.option(
            "--overlap/--no-overlap", default=None, help="Fire while its last job has not ended."
        ),
        click.option(
            "--catch-up",
            metavar="WORD|N",
            help=f"Of missed firings: skip, once (default), all ({MOST_CATCH_UP}), or at most N.",
        ),
        click.option("--timezone", metavar="ZONE", help="Of the expression [default: UTC]."),
        click.option("--every", "seconds", type=float, metavar="SECONDS", help="An interval."),
        click.option("--cron", metavar="EXPRESSION", help="Five fields, or six."),
    ):
        command = option(command)
    return command


def _job(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of a schedule's jobs."""
    for option in (
        click.option("--expires-in", type=float, metavar="SECONDS", help="Not to run later."),
        click.option("--key", help="What their queue groups them by."),
        click.option("--metadata", metavar="JSON"),
        click.option("--tag", "tags", multiple=True, help="May be given more than once."),
        click.option("--timeout", type=float, metavar="SECONDS", help="0: none."),
        click.option("--max-attempts", type=int),
        click.option("--priority", type=click.IntRange(1, MAX_PRIORITY), help="1 runs first."),
        click.option("--queue"),
    ):
        command = option(command)
    return command


@click.group()
def schedule() -> None:
    """Have jobs enqueued at times of a clock."""


@schedule.command("list")
@configured()
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True)
@click.option("--after", metavar="NAME", help="Only those behind this one: the next page.")
@as_json
def list_schedules(settings: Settings, limit: int, after: str | None, as_json: bool) -> None:
    """List schedules by name."""
    found = run_with_client(
        settings, lambda client: client.schedules.list(limit=limit, after=after)
    )
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [_row(each) for each in found])


@schedule.command("show")
@configured()
@_name
@as_json
def show_schedule(settings: Settings, name: str, as_json: bool) -> None:
    """Show all of a schedule."""
    _print(run_with_client(settings, lambda client: client.schedules.get(name)), as_json)


@schedule.command("create")
@configured()
@_name
@click.argument("kind")
@click.argument("args", metavar="[JSON]", default="{}")
@_times
@_job
@as_json
def create_schedule(
    settings: Settings, name: str, kind: str, args: str, as_json: bool, **given: Any
) -> None:
    """Add a schedule NAME of jobs of KIND, with the JSON object as their args."""
    timing = _timing(given)
    what, values = _what(settings, kind, args, given)
    made = run_with_client(
        settings, lambda client: client.schedules.create(name, timing, what, **values)
    )
    _print(made, as_json)


@schedule.command("update")
@configured()
@_name
@click.argument("kind", required=False)
@click.argument("args", metavar="[JSON]", default="{}")
@_times
@_job
@as_json
def update_schedule(
    settings: Settings, name: str, kind: str | None, args: str, as_json: bool, **given: Any
) -> None:
    """Change a schedule's times; with KIND, its jobs and all their options."""

    def update(client: Client) -> Schedule:
        timing = _new_timing(given, client.schedules.get(name))
        if kind is None:
            if any(given.values()):
                raise UsageError("options of its jobs are given with their KIND and args, anew")
            return client.schedules.update(name, timing)
        what, values = _what(settings, kind, args, given)
        return client.schedules.update(name, timing, what, **values)

    _print(run_with_client(settings, update), as_json)


@schedule.command("delete")
@configured()
@_names
@as_json
def delete_schedules(settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
    """Delete schedules. Their jobs stay; what is in an app's code comes back when a node starts."""

    def delete(client: Client) -> None:
        for name in names:
            client.schedules.delete(name)

    run_with_client(settings, delete)
    if as_json:
        print_json([{"name": name, "deleted": True} for name in names])
    else:
        say(f"deleted: {', '.join(names)}")


@schedule.command("pause")
@configured()
@_names
@as_json
def pause_schedules(settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
    """Have schedules fire no more, until they are resumed."""
    _change(settings, names, lambda client, name: client.schedules.pause(name), as_json)


@schedule.command("resume")
@configured()
@_names
@as_json
def resume_schedules(settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
    """Have schedules fire from now on. What was missed in the pause is not made good."""
    _change(settings, names, lambda client, name: client.schedules.resume(name), as_json)


@schedule.command("trigger")
@configured()
@_name
@as_json
def trigger_schedule(settings: Settings, name: str, as_json: bool) -> None:
    """Add a job of a schedule now, beside its firings. Prints its id."""
    job_id = run_with_client(settings, lambda client: client.schedules.trigger(name))
    if as_json:
        print_json({"name": name, "job_id": job_id})
    else:
        click.echo(job_id)


@schedule.command("next")
@configured()
@_name
@click.option("--count", type=click.IntRange(1, 1000), default=10, show_default=True)
@as_json
def next_firings(settings: Settings, name: str, count: int, as_json: bool) -> None:
    """List a schedule's next firings, in UTC, as if it were not paused."""
    times = run_with_client(settings, lambda client: client.schedules.next(name, count))
    if as_json:
        print_json(times)
    else:
        print_table(("TIME",), [(each,) for each in times])


def _timing(given: dict[str, Any]) -> Timing:
    """The times of a new schedule. Raises: UsageError, if none are given."""
    times = _given_times(given)
    if times["cron"] is None and times["seconds"] is None:
        raise UsageError("say when it fires: --cron or --every")
    return _made(times)


def _new_timing(given: dict[str, Any], old: Schedule) -> Timing | None:
    """The times that are given, and the old ones where they are silent; None: as they are."""
    times = _given_times(given)
    if all(value is None for value in times.values()):
        return None
    if times["cron"] is None and times["seconds"] is None:
        times |= {"cron": old.cron, "seconds": old.interval_seconds}
    kept = {"timezone": old.timezone, "catch_up": old.catch_up, "overlap": old.overlap}
    return _made(times | {name: kept[name] for name in kept if times[name] is None})


def _given_times(given: dict[str, Any]) -> dict[str, Any]:
    """Taken out of all that is given."""
    times = {
        name: given.pop(name) for name in ("cron", "seconds", "timezone", "catch_up", "overlap")
    }
    if times["cron"] is not None and times["seconds"] is not None:
        raise UsageError("give --cron or --every, not both")
    if str(times["catch_up"]).isdecimal():
        times["catch_up"] = int(times["catch_up"])
    return times


def _made(times: dict[str, Any]) -> Timing:
    catch_up = "once" if times["catch_up"] is None else times["catch_up"]
    overlap = times["overlap"] is not False
    if times["cron"] is None:
        return every(times["seconds"], catch_up=catch_up, overlap=overlap)
    zone = times["timezone"] or "UTC"
    return cron(times["cron"], timezone=zone, catch_up=catch_up, overlap=overlap)


def _what(
    settings: Settings, kind: str, args: str, given: dict[str, Any]
) -> tuple[Enqueuer[..., Any], dict[str, Any]]:
    payload.check_text("args", args)
    metadata = given["metadata"]
    if metadata is not None:
        payload.check_text("metadata", metadata)
    what = Kind(kind, namespace=settings.config.namespace).with_options(
        queue=given["queue"],
        priority=given["priority"],
        max_attempts=given["max_attempts"],
        timeout=given["timeout"],
        tags=given["tags"] or None,
        metadata=None if metadata is None else msgspec.json.decode(metadata),
        key=given["key"],
        expires_in=given["expires_in"],
    )
    return what, msgspec.json.decode(args)


def _change(
    settings: Settings,
    names: tuple[str, ...],
    change: Callable[[Client, str], Schedule],
    as_json: bool,
) -> None:
    changed = run_with_client(settings, lambda client: [change(client, name) for name in names])
    if as_json:
        print_json(changed)
    else:
        print_table(_COLUMNS, [_row(each) for each in changed])


def _print(schedule: Schedule, as_json: bool) -> None:
    if as_json:
        print_json(schedule)
        return
    fields = msgspec.structs.asdict(schedule)
    for name in ("args", "metadata"):
        fields[name] = msgspec.json.encode(fields[name]).decode()
    print_fields(fields)


def _row(schedule: Schedule) -> tuple[object, ...]:
    return (
        schedule.name,
        schedule.kind,
        schedule.queue,
        _times_of(schedule),
        schedule.last_at,
        schedule.next_at,
        _state(schedule),
    )


def _times_of(schedule: Schedule) -> str:
    if schedule.cron is None:
        return f"every {schedule.interval_seconds:g} s"
    return f"{schedule.cron} ({schedule.timezone})"


def _state(schedule: Schedule) -> str:
    if schedule.problem is not None:
        return f"broken: {schedule.problem}"
    if schedule.paused_at is not None:
        return "paused"
    return "active" if schedule.declared else "in no node's code"
