"""`cancel`: how soon a running handler is told that its job was cancelled.

Method. A node with default settings. A job begins, and sleeps; from another process, through a
client that is connected already, it is cancelled. The handler notes when the exception reached it,
by CLOCK_MONOTONIC, which all processes here share. Each figure is from the call of `cancel` to that
moment, in milliseconds; half of the trials are of async handlers.

Goal: at most 100 ms, the worst of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from runtime import Client
from scripts.benches.app import sleeper, sleeper_async
from scripts.benches.errors import BenchFailed
from scripts.benches.figures import Goal, Result
from scripts.benches.node import Node
from scripts.benches.site import Site, Space
from scripts.benches.work import enqueue

GOALS = (Goal("told_max_ms", "<=", 100.0),)
_LOOK_SECONDS = 0.01
_WAIT_SECONDS = 30.0


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--trials", type=int, default=40, metavar="N")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    with (
        site.space() as space,
        space.serving() as node,
        Client(url=site.url, namespace=space.namespace) as client,
    ):
        took = [_trial(space, node, client, number) for number in range(chosen.trials)]
    figures = {
        "told_p50_ms": statistics.median(took),
        "told_p95_ms": sorted(took)[int(len(took) * 0.95)],
        "told_max_ms": max(took),
    }
    return Result(figures, GOALS)


def _trial(space: Space, node: Node, client: Client, number: int) -> float:
    """Milliseconds from the call to the handler."""
    space.site.progress.phase(f"trial {number + 1}")
    notes = space.site.folder / f"{space.namespace}-{number}.notes"
    handler = sleeper_async if number % 2 else sleeper
    job = handler.new_job(path=str(notes))
    enqueue(space, [job])
    _line(notes, 0, node)
    asked_ns = time.monotonic_ns()
    client.cancel(job.id)
    return (_line(notes, 1, node) - asked_ns) / 1e6


def _line(notes: Path, place: int, node: Node) -> int:
    """What the handler has written in this line, once it has."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        node.check()
        lines = notes.read_text().split("\n") if notes.exists() else []
        if len(lines) > place + 1:
            return int(lines[place])
        time.sleep(_LOOK_SECONDS)
    raise BenchFailed("a handler does not begin, or is not told")
