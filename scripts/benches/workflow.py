"""`workflow`: how many workflows a second, and how soon one with very many steps goes on.

Method. N workflows of 5 steps that do nothing are enqueued (COPY); then a node with default
settings is started. `sync_workflows_per_s` is N through the time from its first claim to its last
ack, by the database's clock; `sync_steps_per_s` is five times that: each step is recorded, and
confirmed, before the next one does anything. These are a fifth of N: plain workflows run one a
child, and though light ones have several children a core, each step costs a child and the node a
turn of their own. `async_` is the same of an `async def`, of which a child runs many at once, so
that their records are written together. Medians over the rounds.
replay: a workflow records 10,000 steps and waits for a signal, which holds no worker. The time from
when the sender's call returned until its next step begins: it is woken, claimed, and has read and
passed all that is recorded. `wake` is the same of a workflow that has recorded nothing, the median
of several.

Goals: 1,000 workflows a second; the replay of 10,000 steps in a second. On the machine with two
cores on which those were measured, the best tunings with two processes did 168 (Absurd) and 62
(DBOS) such workflows a second.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

from runtime import Client, NewJob
from runtime.handler_enqueue import Enqueuer
from scripts.benches.errors import BenchFailed
from scripts.benches.figures import Figures, Goal, Result, medians
from scripts.benches.node import Node
from scripts.benches.site import Site, Space
from scripts.benches.work import enqueue, ids_of, span, wait_done
from scripts.benches.workflow_app import STEPS, app, five_steps, five_steps_async, many_steps

APP = "scripts.benches.workflow_app:app"
_LOOK_SECONDS = 0.05
_MOST_SECONDS = 600.0
GOALS = (
    Goal("sync_workflows_per_s", ">=", 1_000),
    Goal("async_workflows_per_s", ">=", 1_000),
    Goal("replay_s", "<=", 1.0),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--workflows", type=int, default=5_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="R")
    parser.add_argument("--steps", type=int, default=10_000, metavar="N", help="to replay")
    parser.add_argument("--wakes", type=int, default=20, metavar="N")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    figures = medians([_round(site, chosen.workflows) for _ in range(chosen.rounds)])
    with site.space() as space, space.serving(app=APP) as node:
        figures["wake_s"] = statistics.median(_goes_on(space, node, 0) for _ in range(chosen.wakes))
        site.progress.phase(f"replay: a workflow of {chosen.steps} steps")
        figures["replay_s"] = _goes_on(space, node, chosen.steps)
    return Result(figures, GOALS)


def _round(site: Site, count: int) -> Figures:
    sync = _per_second(site, five_steps, max(1, count // 5))
    many_at_once = _per_second(site, five_steps_async, count)
    return {
        "sync_workflows_per_s": sync,
        "sync_steps_per_s": STEPS * sync,
        "async_workflows_per_s": many_at_once,
        "async_steps_per_s": STEPS * many_at_once,
    }


def _per_second(site: Site, handler: Enqueuer[[], None], count: int) -> float:
    site.progress.phase(f"{handler.target.kind}: {count} workflows")
    jobs: Sequence[NewJob] = [handler.new_job() for _ in range(count)]
    with site.space() as space:
        enqueue(space, jobs)
        space.settle()
        with space.node(app=APP) as node:
            wait_done(space, ids_of(jobs), [node])
        return span(space).jobs_per_s


def _goes_on(space: Space, node: Node, steps: int) -> float:
    """Seconds from the signal to the step behind it."""
    with Client(app, space.site.url, namespace=space.namespace) as client:
        job = client.enqueue(many_steps, steps)
        deadline = time.monotonic() + _MOST_SECONDS
        while client.get(job.id).state.value != "pending":  # not `steps`, which are very many
            node.check()
            if time.monotonic() > deadline:
                raise BenchFailed(f"a workflow of {steps} steps does not come to its wait")
            time.sleep(_LOOK_SECONDS)
        client.send_signal(job, "go")
        sent = time.monotonic_ns() // 1000
        return (job.result(timeout=_MOST_SECONDS) - sent) / 1e6
