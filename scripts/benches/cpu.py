"""`cpu`: jobs that burn M milliseconds of CPU, against a ProcessPoolExecutor on the same function.

Method. What is burnt is counted in turns of a loop, measured once at the beginning on one core, so
both sides have the same to do, however often they lose a core. Both have as many processes as
there are cores, warm. The pool (which stores nothing): from the first submit to the last result,
through `map`, one job at a time. Ours: a node with default settings serves; from when the
transaction that enqueued all jobs is committed until the last ack, by the database's clock, every
output stored. They take turns; reported are medians over the rounds. `ratio` is the pool's time
through ours. `with_enqueue_ratio` counts the enqueuing as well, which a pool does while it works.
The efficiencies are the work, as it was measured at the beginning, through the time of all cores;
other work on the machine lowers both.

By default the number of jobs is so chosen that a round takes about 4 s on each side.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor

from runtime.config.cores import usable_cores
from scripts.benches.app import burn
from scripts.benches.burning import spin, turns_for
from scripts.benches.figures import Figures, Goal, Result, medians
from scripts.benches.node import Node
from scripts.benches.site import Site, Space
from scripts.benches.work import serve_now

ROUND_SECONDS = 4.0
MOST_JOBS = 50_000  # of 0.1 ms, where the pool itself is the limit
WARM_JOBS = 200


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument("--ms", type=float, default=10.0, metavar="M", help="0.1, 1, 10, 100 ...")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="0: for about 4 s")
    parser.add_argument("--rounds", type=int, default=5, metavar="R")


def run(site: Site, chosen: argparse.Namespace) -> Result:
    """Measure."""
    cores, turns = usable_cores(), turns_for(chosen.ms / 1000)
    fitting = round(ROUND_SECONDS * cores * 1000 / chosen.ms)
    jobs = chosen.jobs or min(MOST_JOBS, fitting)
    with ProcessPoolExecutor(cores) as pool, site.space() as space, space.serving() as node:
        site.progress.phase("warming up")
        _pooled(pool, WARM_JOBS, 1)
        _served(space, node, WARM_JOBS, 1)
        rounds = []
        for number in range(chosen.rounds):
            site.progress.phase(f"round {number + 1}: {jobs} jobs in a ProcessPoolExecutor")
            figures = {"pool_wall_s": _pooled(pool, jobs, turns)}
            site.progress.phase(f"round {number + 1}: {jobs} jobs in a node")
            rounds.append(figures | _served(space, node, jobs, turns))
    return Result(_compare(medians(rounds), jobs, chosen.ms, cores), _goals(chosen.ms))


def _goals(ms: float) -> list[Goal]:
    if ms < 1:
        return [Goal("ratio", ">", 1.0)]
    return [Goal("ratio", ">=", 0.97 if ms >= 10 else 0.9)]


def _compare(figures: Figures, jobs: int, ms: float, cores: int) -> Figures:
    wall, pool = figures["wall_s"], figures["pool_wall_s"]
    ideal = jobs * ms / 1000 / cores
    return {
        "jobs": float(jobs),
        **figures,
        "jobs_per_s": jobs / wall,
        "pool_jobs_per_s": jobs / pool,
        "efficiency_percent": 100 * ideal / wall,
        "pool_efficiency_percent": 100 * ideal / pool,
        "ratio": pool / wall,
        "with_enqueue_ratio": pool / (wall + figures["enqueue_s"]),
    }


def _pooled(pool: ProcessPoolExecutor, jobs: int, turns: int) -> float:
    began = time.perf_counter()
    for _ in pool.map(spin, [turns] * jobs):
        pass
    return time.perf_counter() - began


def _served(space: Space, node: Node, count: int, turns: int) -> Figures:
    jobs = [burn.new_job(turns) for _ in range(count)]
    served = serve_now(space, jobs, [node])
    return {"wall_s": served.wall_seconds, "enqueue_s": served.enqueue_seconds}
