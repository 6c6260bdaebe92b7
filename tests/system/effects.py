"""What the runs of `traced` did, from the lines that they left, against what the rows say.

The claims, for every job: each run began once at most; no two of its runs ever overlapped; its last
run ended and is the one whose outcome was written; and whoever ran it before that is dead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import attrs

from tests.support.postgres import gone
from tests.system.site import JobSeen, Site


@attrs.define
class Trace:
    """The lines of one run. Times in ns of the machine's monotonic clock."""

    run_number: int
    pid: int
    begun_ns: int
    ended_ns: int | None = None


def read(path: Path) -> dict[UUID, list[Trace]]:
    """The runs of each job, in the order in which they began."""
    runs: dict[tuple[UUID, int], Trace] = {}
    for line in path.read_text().splitlines():
        at_ns, what, job_id, run_number, pid = line.split()
        key = UUID(job_id), int(run_number)
        if what == "begun":
            assert key not in runs, f"one run began twice: {line}"
            runs[key] = Trace(int(run_number), int(pid), int(at_ns))
        else:
            assert runs[key].ended_ns is None, f"one run ended twice: {line}"
            assert runs[key].pid == int(pid)
            runs[key].ended_ns = int(at_ns)
    by_job: dict[UUID, list[Trace]] = defaultdict(list)
    for (job_id_, _), trace in runs.items():
        by_job[job_id_].append(trace)
    return by_job


def check_all_completed(
    site: Site, path: Path, ids: Iterable[UUID], *, processes_die: bool = True
) -> dict[UUID, list[Trace]]:
    """Hold the claims for these jobs, which are all there are. Returns their runs.

    `processes_die`: False where runs are also repeated because a handler was told to stop.
    """
    rows = {row.id: row for row in site.jobs()}
    assert rows.keys() == set(ids), "a job was lost, or came from nowhere"
    traces = read(path)
    failed = _failed_attempts(site)
    for row in rows.values():
        assert row.state == "completed", row
        _check_runs(row, traces[row.id])
        if processes_die:
            _check_deaths(row, traces[row.id])
        _check_attempts(row, failed.get(row.id, []))
    return traces


def _check_runs(row: JobSeen, runs: list[Trace]) -> None:
    assert [run.run_number for run in runs] == sorted(run.run_number for run in runs), (row, runs)
    last = runs[-1]
    assert last.run_number == row.run_number == row.output, (row, runs)
    assert last.ended_ns is not None, (row, runs)
    for earlier, later in pairwise(runs):
        assert (earlier.ended_ns or earlier.begun_ns) < later.begun_ns, (row, runs)


def _check_deaths(row: JobSeen, runs: list[Trace]) -> None:
    for run in runs[:-1]:
        assert gone(run.pid), f"run twice, though pid {run.pid} lives: {row} {runs}"


def _check_attempts(row: JobSeen, failed: list[tuple[int, int]]) -> None:
    """The attempts that count are those that failed, and the last one."""
    assert row.attempt == len(failed) + 1, (row, failed)
    assert [attempt for _, attempt in failed] == list(range(1, len(failed) + 1)), (row, failed)
    assert all(run_number < row.run_number for run_number, _ in failed), (row, failed)


def _failed_attempts(site: Site) -> dict[UUID, list[tuple[int, int]]]:
    """(run number, attempt) of each failure, in order, by job. The key forbids two of one run."""
    found: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    rows = site.query("SELECT job_id, run_number, attempt FROM failure ORDER BY run_number")
    for job_id, run_number, attempt in rows:
        found[job_id].append((run_number, attempt))
    return found
