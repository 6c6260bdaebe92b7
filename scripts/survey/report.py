"""The report at the end: tables, what became of the bad jobs, and how to look further."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from rich import box
from rich.console import Console
from rich.table import Table

from runtime.job import FailureRow, Job
from runtime.lifecycle import JobState
from scripts.survey.findings import Findings
from scripts.survey.node import APP, CHECKOUT

_MOST = 6
_STACK_LINES = 4


def say(console: Console, text: str = "") -> None:
    """A line as it is, however long: paths are to be copied."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def report(console: Console, findings: Findings) -> None:
    """Print all of it but how to look further."""
    console.print(_figures(findings))
    console.print(_complex(findings))
    say(console, "The job that never returns")
    _tell(console, findings.stuck)
    say(console, "The job that segfaults")
    _tell(console, findings.crashed)


def _figures(findings: Findings) -> Table:
    table = Table(box=box.SIMPLE, show_header=False)
    for state in JobState:
        if findings.states[state]:
            table.add_row(f"jobs {state.value}", f"{findings.states[state]}")
    wall, alone = findings.wall_seconds, findings.serial["seconds"]
    table.add_row("wall time of all surveys", f"{wall:.1f} s on {findings.cores} cores")
    table.add_row("CPU time of their handlers", f"{findings.cpu_seconds:.1f} s")
    table.add_row("cores busy with them", f"{findings.busy_cores:.2f} of {findings.cores}")
    held = f"{findings.held_cores:.2f} of {findings.cores}"
    table.add_row("cores held by the job that never returns", held)
    table.add_row("jobs a second", f"{len(findings.jobs) / wall:.0f}")
    table.add_row("one core, without Headrace", f"{alone:.1f} s, measured in this run")
    table.add_row("speed-up", f"{findings.speed_up:.2f} times")
    return table


def _complex(findings: Findings) -> Table:
    table = Table("complexity", "most complex function", "where", "lines", box=box.SIMPLE)
    for survey, worst in findings.most_complex(_MOST):
        where = f"{survey['module']}:{worst['line']}"
        table.add_row(f"{worst['complexity']}", worst["function"], where, f"{survey['lines']}")
    return table


def _tell(console: Console, job: Job) -> None:
    say(console, f"  {job.state.value} after {job.attempt} of {job.max_attempts} attempts")
    for failure in reversed(job.failures):
        for line in _of_failure(failure):
            say(console, f"  {line}")
    say(console)


def _of_failure(failure: FailureRow) -> list[str]:
    stack = [line for line in failure.trace.splitlines() if line.strip()][:_STACK_LINES]
    what = f"{failure.error_class} ({failure.signal}): {failure.message}"
    return [f"attempt {failure.attempt}: {what}", *(f"  | {line}" for line in stack)]


def look_further(console: Console, data_dir: Path, namespace: str, bad: Sequence[Job]) -> None:
    """Print the commands to go on with."""
    say(console, "To look further (the database starts again for as long as a command needs it):")
    for line in commands(data_dir, namespace, bad):
        say(console, f"  {line}")


def commands(data_dir: Path, namespace: str, bad: Sequence[Job]) -> list[str]:
    """What a shell can be given, in this order."""
    python = f"{shlex.quote(_shortest(Path(sys.executable)))} -m runtime"
    return [
        f"cd {shlex.quote(str(CHECKOUT))}",
        f"export HEADRACE_DATA_DIR={shlex.quote(str(data_dir))} HEADRACE_NAMESPACE={namespace}",
        f"{python} job count",
        f"{python} job list --state discarded",
        *(f"{python} job show {job.id}" for job in bad),
        f"{python} job list --kind survey --limit 5",
        f"{python} node list",
        f'{python} enqueue survey \'{{"module": "this.py"}}\'',
        f"{python} serve {APP}   # Ctrl-C ends it",
    ]


def workflow_commands(data_dir: Path, namespace: str, job_id: UUID) -> list[str]:
    """The same, of a workflow: its timeline, what it published, and a fork of it."""
    python = f"{shlex.quote(_shortest(Path(sys.executable)))} -m runtime"
    return [
        f"cd {shlex.quote(str(CHECKOUT))}",
        f"export HEADRACE_DATA_DIR={shlex.quote(str(data_dir))} HEADRACE_NAMESPACE={namespace}",
        f"{python} workflow steps {job_id}",
        f"{python} workflow read {job_id} report",
        f"{python} job show {job_id}",
        f"{python} job list --kind survey_share --limit 5",
        f"{python} workflow fork {job_id} reduce",
    ]


def _shortest(path: Path) -> str:
    """As seen from the checkout, if it is in there."""
    return os.path.relpath(path, CHECKOUT) if path.is_relative_to(CHECKOUT) else str(path)
