"""The demo of a workflow, from beginning to end.

database ─▶ node ─▶ start it, twice ─▶ watch ─▶ signal ─▶ watch ─▶ drain ─▶ on one core ─▶ report
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import trio
from rich import box
from rich.console import Console
from rich.table import Table

from runtime import Step, TrioClient
from runtime.cli.timeline import marks_for, picture
from runtime.client.handle import AsyncClientHandle
from runtime.config.cores import usable_cores
from runtime.embedded import Server
from runtime.job import Job
from scripts.survey import workflow_app
from scripts.survey.library_report import Report
from scripts.survey.modules import modules
from scripts.survey.node import Node, serving
from scripts.survey.progress import Progress, Show, showing
from scripts.survey.report import say, workflow_commands
from scripts.survey.serial import TOTALS, Serial
from scripts.survey.serial_survey import serial_survey

APP = "scripts.survey.workflow_app:app"
NAME = "library"  # the workflow's external id
APPROVER = "scripts/demo"
_WATCH_SECONDS = 0.1
_TOO_LONG_SECONDS = 300.0  # a machine that needs more has something wrong with it

Handle = AsyncClientHandle[Report]
Seen = Callable[[Sequence[Step]], bool]


@attrs.frozen
class Found:
    """What came of it. `twice`: whether a second start added a second workflow."""

    job: Job
    report: Report
    steps: Sequence[Step]
    twice: bool
    serial: Serial

    @property
    def wall_seconds(self) -> float:
        """From the start to the end of the last part that is work: all but waiting and rest."""
        ends = [step.recorded_at for step in self.steps if step.name == "reduce"]
        return (max(ends) - self.job.created_at).total_seconds() if ends else float("nan")

    def complaints(self) -> list[str]:
        """What did not come out as it should have; empty if all is well."""
        wrong = [f"step {step.place} is not done" for step in self.steps if not step.done]
        if self.twice:
            wrong.append("it was started twice by one name, and runs twice")
        came_to = {name: getattr(self.report, name) for name in TOTALS}
        if came_to != {name: self.serial[name] for name in TOTALS}:
            wrong.append(f"the workflow came to {came_to}, one core alone to {self.serial}")
        if self.report.approved_by != APPROVER:
            wrong.append(f"it was approved by {self.report.approved_by!r}")
        return wrong


async def workflow_demo(console: Console, data_dir: Path, limit: int | None) -> int:
    """Run it; the exit status. Raises DemoFailed, NodeFailed, HeadraceError."""
    namespace = time.strftime("demo_%Y%m%d_%H%M%S", time.gmtime())
    with Server.attach(data_dir) as server:
        say(console, f"PostgreSQL {server.version} runs; its data is in {server.data_dir}")
        async with serving(server.data_dir, namespace, APP) as node:
            where = f"on {usable_cores()} cores; its log is {node.log}"
            say(console, f"a node (pid {node.process.pid}) serves {where}")
            async with TrioClient(workflow_app.app, server.url, namespace=namespace) as client:
                job, report, steps, twice = await _served(console, node, client, limit)
            seconds = await node.drain()
            say(console, f"it is done, and the node has drained in {seconds:.1f} s")
        serial = await serial_survey(console, limit, report.modules)
    found = Found(job, report, steps, twice, serial)
    _tell(console, found)
    for complaint in (complaints := found.complaints()):
        say(console, f"NOT AS IT SHOULD BE: {complaint}")
    say(console, "To look further (the database starts again for as long as a command needs it):")
    for line in workflow_commands(server.data_dir, namespace, job.id):
        say(console, f"  {line}")
    return int(bool(complaints))


async def _served(
    console: Console, node: Node, client: TrioClient, limit: int | None
) -> tuple[Job, Report, Sequence[Step], bool]:
    """Start it, approve its draft, and wait for its report."""
    start = workflow_app.library_report_of.with_options(external_id=NAME)
    job: Handle = await client.enqueue(start, limit)
    again = await client.enqueue(start, limit)
    say(console, f"started workflow {job.id}; started again by its name {NAME!r}: no second one")
    await _watch(console, node, client, job, limit, _waits_for_approval)
    draft = await client.read(job, workflow_app.DRAFT, timeout=0)
    say(console, f"its draft is published, of {draft['modules']} modules; it waits, on no core")
    await client.send_signal(job, workflow_app.APPROVED, APPROVER)
    say(console, f"sent the signal {workflow_app.APPROVED!r}; now it sleeps, on no core")
    await _watch(console, node, client, job, limit, _all_done)
    report = await job.result(timeout=_TOO_LONG_SECONDS)
    steps = await client.steps(job)
    return await client.get(job.id), report, steps, again.inserted


def _waits_for_approval(steps: Sequence[Step]) -> bool:
    return any(step.op == "signal" for step in steps)


def _all_done(steps: Sequence[Step]) -> bool:
    return any(step.op == "publish" and step.name == workflow_app.FINAL for step in steps)


async def _watch(
    console: Console,
    node: Node,
    client: TrioClient,
    job: Handle,
    limit: int | None,
    seen: Seen,
) -> None:
    """Show how it gets on until that is seen in its steps. Raises NodeFailed."""
    shares = -(-len(modules(limit)) // workflow_app.SHARE_MODULES)
    with trio.move_on_after(_TOO_LONG_SECONDS), showing(console) as show:
        while True:
            node.check()
            steps = await client.steps(job)
            _show(show, steps, shares)
            if seen(steps):
                return
            await trio.sleep(_WATCH_SECONDS)
    raise node.failure(f"the workflow is not done after {_TOO_LONG_SECONDS:g} s")


def _show(show: Show, steps: Sequence[Step], shares: int) -> None:
    children = [step.children for step in steps if step.op == "map"]
    done = sum(each.get("completed", 0) for each in children)
    detail = ", ".join(f"{number} {state}" for each in children for state, number in each.items())
    waiting = [f"{step.op} {step.name}".strip() for step in steps if not step.done]
    show(Progress(done, shares, detail and f"shares: {detail}", waiting))


def _tell(console: Console, found: Found) -> None:
    for line in picture(found.steps, console.width, marks_for(console.encoding)):
        say(console, line)
    table = Table(box=box.SIMPLE, show_header=False)
    for name, value in _figures(found).items():
        table.add_row(name, value)
    console.print(table)
    worst = Table("complexity", "most complex function", "where", box=box.SIMPLE)
    for each in found.report.worst:
        worst.add_row(f"{each.complexity}", each.function, f"{each.module}:{each.line}")
    console.print(worst)


def _figures(found: Found) -> dict[str, Any]:
    wall, alone = found.wall_seconds, found.serial["seconds"]
    waited = [step for step in found.steps if step.op in ("signal", "sleep")]
    rest = sum((step.recorded_at - step.began_at for step in waited), timedelta())
    return {
        "modules, lines": f"{found.report.modules:,}, {found.report.lines:,}",
        "wall time to the draft": f"{wall:.1f} s on {usable_cores()} cores",
        "waited and slept, on none": f"{rest.total_seconds():.1f} s",
        "one core, without Headrace": f"{alone:.1f} s, measured in this run",
        "speed-up": f"{alone / wall:.2f} times",
        "approved by": found.report.approved_by,
    }
