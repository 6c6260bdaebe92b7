"""`events`: print what happens to jobs and queues, as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from runtime.cli.options import configured
from runtime.cli.output import printable, say
from runtime.cli.session import run_with_client
from runtime.config import Settings
from runtime.event import EVENTS, Event

if TYPE_CHECKING:
    from runtime.client import Client


@click.command("events")
@configured()
@click.argument("events", metavar="[EVENT]...", type=click.Choice(EVENTS), nargs=-1)
@click.option("--kind", "kinds", multiple=True, help="Of jobs of this kind; may be repeated.")
@click.option("--queue", "queues", multiple=True, help="Of this queue; may be repeated.")
@click.option("--limit", type=click.IntRange(1), help="End after so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one document a line.")
def events(
    settings: Settings,
    events: tuple[str, ...],
    kinds: tuple[str, ...],
    queues: tuple[str, ...],
    limit: int | None,
    as_json: bool,
) -> None:
    """Print what happens to jobs and queues, until Ctrl-C; at most once, from now on.

    Events: completed, failed, discarded, cancelled, snoozed, suspended, rescued, paused, resumed;
    none: all.
    """

    def hear(client: Client) -> None:
        with client.events(*events, kinds=kinds or None, queues=queues or None) as heard:
            say("listening")
            for number, event in enumerate(heard, 1):
                click.echo(msgspec.json.encode(event) if as_json else printable(_line(event)))
                if number == limit:
                    return

    run_with_client(settings, hear)


def _line(event: Event) -> str:
    head = f"{event.at:%Y-%m-%d %H:%M:%S} {event.event:<9} {event.queue}"
    if event.job_id is None:
        return head
    attempt = f"attempt {event.attempt}/{event.max_attempts}"
    error = f": {event.error}" if event.error else ""
    waits = f": {event.waits}" if event.waits else ""
    return f"{head} {event.kind} {event.job_id} {attempt}{error}{waits}{_death(event)}"


def _death(event: Event) -> str:
    if event.signal is None and event.exit_status is None:
        return ""
    how = event.signal or f"exit status {event.exit_status}"
    return f" (pid {event.pid}, {how})"
