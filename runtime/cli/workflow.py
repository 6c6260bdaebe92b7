"""`workflow`: signals and events to workflows, what they publish, their steps, and their forks."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click
import msgspec

from runtime import payload
from runtime.cli.options import as_json, configured
from runtime.cli.output import print_json, print_json_list, say
from runtime.cli.session import run_with_client
from runtime.cli.timeline import MOST_SHOWN, marks_for, picture
from runtime.config import Settings
from runtime.errors import UsageError
from runtime.timeline import Step

if TYPE_CHECKING:
    from runtime.client import Client

F = TypeVar("F", bound=Callable[..., Any])

# Of a timeline that is printed with its outputs: 64 of them may take 128 MiB.
_PAGE_STEPS = 64


@click.group()
def workflow() -> None:
    """Signal workflows, read and fork them; see their steps."""


def _app(function: F) -> F:
    option = click.option("--app", "app_path", metavar="APP", help="Whose keys are used.")
    return option(function)


def _value(field: str, text: str) -> Any:
    """The value of JSON text, "-": of stdin."""
    text = sys.stdin.read() if text == "-" else text
    payload.check_text(field, text)
    return msgspec.json.decode(text)


@workflow.command("signal")
@configured()
@click.argument("job_id", metavar="ID", type=click.UUID)
@click.argument("name")
@click.argument("value", metavar="[JSON]", default="null")
@click.option("--id", "signal_id", type=click.UUID, help="Repeating it adds nothing.")
@_app
def send_signal(
    settings: Settings,
    job_id: UUID,
    name: str,
    value: str,
    signal_id: UUID | None,
    app_path: str | None,
) -> None:
    """Send a signal to a workflow, with a JSON value ("-": read from stdin)."""
    decoded = _value("signal", value)
    new = run_with_client(
        settings,
        lambda client: client.send_signal(job_id, name, decoded, id=signal_id),
        app_path=app_path,
    )
    say("the signal was sent" if new else "a signal of this id was there already")


@workflow.command("event")
@configured()
@click.argument("name")
@click.argument("value", metavar="[JSON]", default="null")
@_app
def emit_event(settings: Settings, name: str, value: str, app_path: str | None) -> None:
    """Let an event happen, for all workflows that wait for it or will; only the first counts."""
    decoded = _value("event", value)
    first = run_with_client(
        settings, lambda client: client.emit_event(name, decoded), app_path=app_path
    )
    say("the event has happened" if first else "it had happened before; nothing was changed")


@workflow.command("read")
@configured()
@click.argument("job_id", metavar="ID", type=click.UUID)
@click.argument("key")
@click.option("--wait", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="For it.")
@_app
def read(settings: Settings, job_id: UUID, key: str, wait: float, app_path: str | None) -> None:
    """Print, as JSON, what a workflow has published under KEY."""
    print_json(
        run_with_client(
            settings, lambda client: client.read(job_id, key, timeout=wait), app_path=app_path
        )
    )


@workflow.command("steps")
@configured()
@click.argument("job_id", metavar="ID", type=click.UUID)
@click.option("--outputs", is_flag=True, help="With --json: what each step has put out, too.")
@_app
@as_json
def show_steps(
    settings: Settings, job_id: UUID, outputs: bool, app_path: str | None, as_json: bool
) -> None:
    """Show all steps of a workflow, done and open, as a timeline."""
    if outputs and not as_json:
        raise UsageError("--outputs needs --json")

    def look(client: Client) -> None:
        client.get(job_id)
        if as_json:
            print_json_list(_all_steps(client, job_id, outputs))
            return
        steps = client.steps(job_id)
        if steps:
            print_timeline(steps, most=None)
        else:
            say("this job has recorded no steps")

    run_with_client(settings, look, app_path=app_path)


def _all_steps(client: Client, job_id: UUID, outputs: bool) -> Iterator[Step]:
    """Page by page, so that memory holds one."""
    after: str | None = None
    while page := client.steps(job_id, outputs=outputs, after=after, limit=_PAGE_STEPS):
        yield from page
        after = page[-1].place


@workflow.command("fork")
@configured()
@click.argument("job_id", metavar="ID", type=click.UUID)
@click.argument("step", metavar="STEP")
@click.option("--id", "fork_id", type=click.UUID, help="Repeating it adds nothing.")
@_app
@as_json
def fork(
    settings: Settings,
    job_id: UUID,
    step: str,
    fork_id: UUID | None,
    app_path: str | None,
    as_json: bool,
) -> None:
    """Run a workflow anew, as another job, from STEP on: a place, such as 4, or a name.

    Prints the id of the new job. Steps before that are kept; effects of the others happen anew.
    """
    forked = run_with_client(
        settings, lambda client: client.fork(job_id, step, id=fork_id), app_path=app_path
    )
    if as_json:
        print_json({"id": forked.id, "inserted": forked.inserted})
        return
    click.echo(forked.id)
    if not forked.inserted:
        say("a job of this id was there already; nothing was added")


def print_timeline(steps: Sequence[Step], most: int | None = MOST_SHOWN) -> None:
    """The picture, as wide as the terminal."""
    width = shutil.get_terminal_size((100, 24)).columns
    for line in picture(steps, width, marks_for(sys.stdout.encoding), most):
        click.echo(line)
