"""`kill`: how soon another job runs in the place of one that had to be killed.

Method. A node with one worker and otherwise default settings serves an app whose import takes a
second. A job begins that has a timeout of 0.5 s and takes no notice of anything; another job is
enqueued behind it. The first one writes down when it began, the second one returns it, both by
CLOCK_MONOTONIC. `over_grace` is the time from the timeout to the beginning of the second job, less
the grace that a handler has to clean up; so what is left is the kill, the new child and the way of
the job there. Three trials.

Goal: at most 50 ms, the worst of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from uuid import UUID

import msgspec

from runtime.config import Config
from scripts.benches.app import RUNAWAY_TIMEOUT_SECONDS, note_start, runaway
from scripts.benches.errors import BenchFailed
from scripts.benches.figures import Goal, Result
from scripts.benches.node import Node
from scripts.benches.site import Site, Space
from scripts.benches.slow_app import IMPORT_SECONDS
from scripts.benches.work import enqueue, wait_done

APP = "scripts.benches.slow_app:app"
GOALS = (Goal("over_grace_max_ms", "<=", 50.0),)
_LOOK_SECONDS = 0.02
_BEGIN_SECONDS = 30.0


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--trials", type=int, default=3, metavar="N")
    grace = Config().kill_grace_seconds
    parser.add_argument("--grace", type=float, default=grace, metavar="SECONDS")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    flags = ["--workers", "1", "--kill-grace-seconds", str(chosen.grace)]
    with site.space() as space, space.serving(*flags, app=APP) as node:
        over = [_trial(space, node, number, chosen.grace) for number in range(chosen.trials)]
    figures = {
        "over_grace_p50_ms": statistics.median(over),
        "over_grace_max_ms": max(over),
        "grace_s": chosen.grace,
        "import_s": IMPORT_SECONDS,
    }
    return Result(figures, GOALS)


def _trial(space: Space, node: Node, number: int, grace: float) -> float:
    """Milliseconds from the end of the grace to the next job's beginning."""
    space.site.progress.phase(f"trial {number + 1}")
    notes = space.site.folder / f"{space.namespace}-{number}.begun"
    stuck, after = runaway.new_job(path=str(notes)), note_start.new_job()
    enqueue(space, [stuck])
    begun_us = _begun_us(str(notes), node)
    enqueue(space, [after])
    wait_done(space, [after.id], [node])
    wait_done(space, [stuck.id], [node])
    due_us = begun_us + 1e6 * (RUNAWAY_TIMEOUT_SECONDS + grace)
    return (_started_us(space, after.id) - due_us) / 1e3


def _begun_us(notes: str, node: Node) -> int:
    """When the runaway job began, once it has."""
    deadline = time.monotonic() + _BEGIN_SECONDS
    while time.monotonic() < deadline:
        node.check()
        try:
            with open(notes) as file:
                text = file.read()
        except FileNotFoundError:
            text = ""
        if text.endswith("\n"):
            return int(text)
        time.sleep(_LOOK_SECONDS)
    raise BenchFailed("the job that is to be killed does not begin")


def _started_us(space: Space, job: UUID) -> int:
    (row,) = space.database.rows("outputs", [job])
    return int(msgspec.json.decode(row["output"]))
