"""The demo from beginning to end.

database ─▶ node ─▶ enqueue ─▶ watch ─▶ drain ─▶ the same on one core ─▶ report
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import attrs
import trio
from rich.console import Console

from actors.node import open_database
from actors.store.postgres import PostgresStore
from actors.store.protocol import Store
from runtime import NewJob, TrioClient
from runtime.config import Config
from runtime.config.cores import usable_cores
from runtime.embedded import Server
from runtime.job import Job
from runtime.job_filter import JobFilter
from runtime.lifecycle import FINAL_STATES, JobState
from scripts.survey import app
from scripts.survey.findings import Findings
from scripts.survey.modules import library, modules
from scripts.survey.node import Node, serving
from scripts.survey.progress import Progress, Show, showing
from scripts.survey.report import look_further, report, say
from scripts.survey.serial import Serial
from scripts.survey.serial_survey import serial_survey

_WATCH_SECONDS = 0.1  # between looks; each reads the whole table, which is small here
_TOO_LONG_SECONDS = 300.0  # a machine that needs more has something wrong with it
_MOST_JOBS = 10_000  # that a list of jobs may have


@attrs.frozen
class Work:
    """The jobs of this run, in the order in which they are enqueued and so claimed."""

    jobs: tuple[NewJob, ...]
    stuck: NewJob
    crashed: NewJob


def make_work(chosen: Sequence[str]) -> Work:
    """A survey of each module, and the bad jobs among the first of them."""
    stuck_at, crashed_at = len(chosen) // 8, len(chosen) // 4
    surveys = [partial(app.survey.new_job, module=module) for module in chosen]
    makers: list[Callable[[], NewJob]] = [
        *surveys[:stuck_at],
        app.never_returns.new_job,
        *surveys[stuck_at:crashed_at],
        app.segfaults.new_job,
        *surveys[crashed_at:],
    ]
    # Ids grow with time, and among equals the oldest id is claimed first.
    jobs = tuple(make() for make in makers)
    return Work(jobs, jobs[stuck_at], jobs[crashed_at + 1])


async def demo(console: Console, data_dir: Path, limit: int | None) -> int:
    """Run it; the exit status. Raises DemoFailed, NodeFailed, HeadraceError."""
    chosen = modules(limit)
    work = make_work(chosen)
    namespace = time.strftime("demo_%Y%m%d_%H%M%S", time.gmtime())
    with Server.attach(data_dir) as server:
        say(console, f"PostgreSQL {server.version} runs; its data is in {server.data_dir}")
        config = Config(database_url=server.url, namespace=namespace)
        async with open_database(config) as bridge:
            store = PostgresStore(bridge, namespace=namespace)
            await _served(console, server, namespace, store, work)
            serial = await serial_survey(console, limit, len(chosen))
            findings = await _findings(store, work, serial)
    report(console, findings)
    complaints = findings.complaints()
    look_further(console, server.data_dir, namespace, [findings.stuck, findings.crashed])
    for complaint in complaints:
        say(console, f"NOT AS IT SHOULD BE: {complaint}")
    return int(bool(complaints))


async def _served(
    console: Console, server: Server, namespace: str, store: Store, work: Work
) -> None:
    """Serve until all of the work is done, and drain."""
    async with serving(server.data_dir, namespace) as node:
        where = f"on {usable_cores()} cores; its log is {node.log}"
        say(console, f"a node (pid {node.process.pid}) serves {where}")
        await _enqueue(console, server, namespace, work)
        with showing(console) as show:
            await _watch(node, store, work, show)
        seconds = await node.drain()
        say(console, f"all jobs are done, and the node has drained in {seconds:.1f} s")


async def _enqueue(console: Console, server: Server, namespace: str, work: Work) -> None:
    async with TrioClient(app.app, server.url, namespace=namespace) as client:
        begun = time.monotonic()
        await client.enqueue_many(work.jobs)
        milliseconds = 1000 * (time.monotonic() - begun)
    say(
        console,
        f"enqueued {len(work.jobs)} jobs in one transaction, in {milliseconds:.0f} ms: a survey of "
        f"each module in {library()}, one job that never returns, one that segfaults",
    )


async def _watch(node: Node, store: Store, work: Work, show: Show) -> None:
    """Show how the jobs get on until all are final. Raises NodeFailed, DemoFailed."""
    total = len(work.jobs)
    with trio.move_on_after(_TOO_LONG_SECONDS):
        while True:
            node.check()
            counts = await store.counts()
            running = await store.jobs(JobFilter(state=JobState.RUNNING))
            done = sum(counts.get(state, 0) for state in FINAL_STATES)
            show(Progress(done, total, _detail(counts), _now(running)))
            if done == total:
                return
            await trio.sleep(_WATCH_SECONDS)
    raise node.failure(f"not all jobs are done after {_TOO_LONG_SECONDS:g} s")


def _detail(counts: dict[JobState, int]) -> str:
    return ", ".join(f"{counts[state]} {state.value}" for state in JobState if counts.get(state))


def _now(running: Sequence[Job]) -> list[str]:
    """What is on the cores, or about to be: a child holds short jobs ahead. Oldest first."""
    oldest = running[::-1][: usable_cores()]
    return [str(job.args.get("module", job.kind)) for job in oldest]


async def _findings(store: Store, work: Work, serial: Serial) -> Findings:
    return Findings(
        jobs=await store.jobs(JobFilter(kind=app.survey.kind), limit=_MOST_JOBS),
        stuck=await store.get(work.stuck.id),
        crashed=await store.get(work.crashed.id),
        serial=serial,
        cores=usable_cores(),
    )
