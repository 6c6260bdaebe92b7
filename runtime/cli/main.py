"""The root command: finds the others, and turns what they raise into an exit status."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from runtime.cli.exits import Exit, expected
from runtime.version import our_version

# Name: (module in runtime.cli, its command, one line). `--help` is made from this alone.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "serve": ("serve", "serve", "Run an app's jobs on all cores of this machine."),
    "migrate": ("migrate", "migrate", "Make or change the tables: up, down, status."),
    "enqueue": ("enqueue", "enqueue", "Add a job."),
    "job": ("jobs", "job", "Look at jobs; cancel, retry, delete, reschedule or move them."),
    "workflow": ("workflow", "workflow", "Signal workflows, read and fork them; see their steps."),
    "dead": ("dead", "dead", "Look at discarded jobs; retry or export them."),
    "events": ("events", "events", "Print what happens to jobs and queues, as it happens."),
    "queue": ("queues", "queue", "Look at queues, pause or resume them."),
    "schedule": ("schedules", "schedule", "Have jobs enqueued at times of a clock."),
    "namespace": ("namespaces", "namespace", "Make, list, disable, enable or drop namespaces."),
    "node": ("nodes", "node", "Look at the nodes that serve."),
    "codec": ("codec", "codec", "Seal anew what older keys have sealed."),
    "maintain": ("maintain", "maintain", "Build bloated indexes anew."),
    "check": ("check", "check", "Check configuration and database, with advice."),
    "config": ("show_config", "config", "Show each option, its value and where it came from."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        command: click.Command = getattr(
            importlib.import_module(f"runtime.cli.{module}"), attribute
        )
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 done or drained, 1 failed, 2 usage, 69 database away, "
    "78 tables not migrated or too new, 130 and 143 stopped by a second signal.",
)
@click.version_option(our_version(), message="headrace %(version)s")
def root() -> None:
    """Headrace: durable jobs in PostgreSQL, with CPU-heavy handlers on every core."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Run a command; always raises SystemExit."""
    try:
        status = root.main(arguments, prog_name=_name(), standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        _leave_pipe()
    except BaseException as error:
        sys.exit(_report(error))
    sys.exit(status if isinstance(status, int) else Exit.OK)


def _name() -> str:
    """How we were called."""
    script = Path(sys.argv[0]).name
    return script if script == "headrace" else "python -m runtime"


def _leave_pipe() -> None:
    """Whoever read our output has gone, as `head` does; nothing more may be written there."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(Exit.FAILED)


def _report(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        raise error
    known = expected(error)
    if known is None:
        traceback.print_exception(error)
        return Exit.FAILED
    status, line = known
    click.echo(f"headrace: {line}", err=True)
    return status
