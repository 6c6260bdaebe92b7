"""`scripts/bench`: every bench in a tiny form prints its figures; nothing is said of their values.

They run three at a time, each as a process of its own, with this Python, on the session's server.
"""

import io
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts.benches.figures import Goal, Result, percentiles
from scripts.benches.report import show
from tests.support.postgres import DatabaseServer, gone, wait_until

CHECKOUT = Path(__file__).parents[2]
END_SECONDS = 90

BENCHES = {
    "noop": "--jobs 200 --rounds 1",
    "steady": "--seconds 0.3",
    "latency": "--jobs 5 --load 0.02",
    "cpu": "--jobs 20 --ms 0.1 --rounds 1",
    "enqueue": "--seconds 0.02 --rounds 1",
    "backlog": "--most 1000 --jobs 200",
    "bloat": "--jobs 200 --rounds 1",
    "kill": "--trials 1 --grace 0.1",
    "memory": "--jobs 20 --settle 0",
    "scale": "--jobs 100 --nodes 1 --workers 1",
    "idle": "--seconds 0.5 --settle 0",
    "workflow": "--workflows 50 --rounds 1 --steps 20 --wakes 1",
}
PROMISED = {
    "noop": {"jobs_per_s", "sql_limit_jobs_per_s", "ratio"},
    "steady": {"bulks_enqueued_per_s", "bulks_worked_per_s", "singles_children_cpu_us"},
    "latency": {"start_p50_ms", "start_p99_ms", "completed_p95_ms", "loaded_start_p50_ms"},
    "cpu": {"wall_s", "pool_wall_s", "ratio"},
    "enqueue": {"single_per_s", "connections_16_per_s", "bulk_1000_per_s", "copy_notify_ratio"},
    "backlog": {"never_analysed_1000_claim_us", "analysed_1000_loop_jobs_per_s"},
    "bloat": {"alone_jobs_per_s", "held_jobs_per_s", "ratio"},
    "kill": {"over_grace_p50_ms", "over_grace_max_ms"},
    "memory": {"rss_node_mib", "pss_node_mib", "rss_forkserver_mib", "pss_child_mib"},
    "scale": {"nodes_1_jobs_per_s", "workers_1_jobs_per_s", "naps_workers_1_jobs_per_s"},
    "idle": {"cpu_percent", "queries_per_s"},
    "workflow": {"sync_workflows_per_s", "async_steps_per_s", "wake_s", "replay_s"},
}
MACHINE = {"cores", "python", "postgresql", "fsync", "synchronous_commit", "load_average_at_start"}

Finished = subprocess.CompletedProcess[str]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "HEADRACE_PYTHON": sys.executable, **more}


def bench(*arguments: str) -> Finished:
    return subprocess.run(
        [str(CHECKOUT / "scripts" / "bench"), *arguments],
        cwd="/",
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
    )


@pytest.fixture(scope="module")
def runs(postgres_server: DatabaseServer) -> Iterator[dict[str, Future[Finished]]]:
    # A database each: migrating waits for whoever holds a snapshot in the same one.
    urls = {name: postgres_server.create_database() for name in BENCHES}
    with ThreadPoolExecutor(3) as pool:
        yield {
            name: pool.submit(bench, name, "--json", "--database-url", urls[name], *flags.split())
            for name, flags in BENCHES.items()
        }
    for url in urls.values():
        postgres_server.drop_database(url)


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_prints_what_it_promises(runs: dict[str, Future[Finished]], name: str) -> None:
    ended = runs[name].result()
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    assert set(found) == {"bench", "figures", "goals", "machine"}
    assert found["bench"] == name
    assert PROMISED[name] <= set(found["figures"])
    assert all(isinstance(value, float) for value in found["figures"].values())
    assert set(found["machine"]) >= MACHINE
    for goal in found["goals"]:
        assert set(goal) == {"figure", "op", "value", "met"}
        assert goal["figure"] in found["figures"]


def test_ctrl_c_ends_a_bench_and_all_that_it_started(tmp_path: Path) -> None:
    # Without a URL, so that the database is its own; of this one no process may be left either.
    mark = f"MARK_OF_THE_TEST={uuid.uuid4().hex}"
    name, value = mark.split("=")
    process = subprocess.Popen(
        [str(CHECKOUT / "scripts" / "bench"), "noop", "--jobs", "50000"],
        cwd="/",
        env=environment(TMPDIR=str(tmp_path), **{name: value}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process, process.stderr as lines:
        try:
            assert any("in a node" in line for line in lines)
            started = [pid for pid in _processes(mark, tmp_path) if pid != process.pid]
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(timeout=END_SECONDS) == 128 + signal.SIGINT
        finally:
            process.kill()
    assert started
    wait_until(lambda: all(map(gone, started)) and not _processes(mark, tmp_path))
    assert list(tmp_path.glob("headrace-bench-*")) == []


def test_a_table_is_printed_for_people() -> None:
    result = Result({"ratio": 0.7512, "jobs_per_s": 31_234.5}, [Goal("ratio", ">=", 0.8)])
    out = io.StringIO()
    show(Console(file=out), "noop", result, {"cores": 2, "fsync": "on"})
    lines = out.getvalue().splitlines()
    assert [line.split() for line in lines if "ratio" in line] == [
        ["ratio", "0.7512", ">=", "0.8", "not", "met"]
    ]
    assert [line.split() for line in lines if "jobs_per_s" in line] == [["jobs_per_s", "31,234"]]
    assert lines[-1] == "cores 2, fsync on"
    assert "\x1b" not in out.getvalue()


def test_percentiles_are_values_that_were_measured() -> None:
    found = percentiles("start", [float(number) for number in range(200, 0, -1)])
    assert found == {"start_p50_ms": 100.0, "start_p95_ms": 190.0, "start_p99_ms": 198.0}
    assert percentiles("start", [3.0])["start_p99_ms"] == 3.0


def _processes(mark: str, folder: Path) -> list[int]:
    """What still runs of a bench, by its environment or its command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            ours = os.fsencode(mark) in (place / "environ").read_bytes()
            ours = ours or os.fsencode(folder) in (place / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if ours:
            found.append(int(place.name))
    return found
