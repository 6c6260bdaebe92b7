"""`codec`: look after what is sealed."""

from __future__ import annotations

import click

from runtime.cli.exits import Exit
from runtime.cli.options import as_json, configured
from runtime.cli.output import print_fields, print_json, say
from runtime.cli.session import run_with_client
from runtime.config import Settings


@click.group()
def codec() -> None:
    """Look after args and outputs that are compressed or encrypted."""


@codec.command("rotate")
@configured()
@click.argument("app_path", metavar="APP")
@as_json
def rotate(settings: Settings, app_path: str, as_json: bool) -> int:
    """Seal anew what older keys have sealed, with the current key of APP (such as pkg.jobs:app).

    Safe while nodes serve. Exit status 1 if there is something that no key of APP opens.
    """
    import attrs

    done = run_with_client(settings, lambda client: client.codec.rotate(), app_path=app_path)
    if as_json:
        print_json(attrs.asdict(done))
    else:
        print_fields(attrs.asdict(done))
    if done.unreadable:
        say(f"{done.unreadable} payloads were left as they are; the first: {done.first_error}")
        return Exit.FAILED
    return Exit.OK
