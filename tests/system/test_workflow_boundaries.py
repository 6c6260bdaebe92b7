"""The process of a workflow is stopped at every boundary: before and after each ask of its node,
when an answer has come, around its own transactions, and at its end.

Which boundaries there are, an undisturbed run tells. Then there is a workflow for each, which is
stopped there once. What all of them come to is what the undisturbed one came to, and the record of
each step is of the last time that it was done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from runtime import NewJob, sql
from scripts.campaigns.effects import Effects, Flow, read_effects, wrong
from scripts.survey.library_report import alone
from tests.system import boundary_jobs
from tests.system.site import FINAL, Site

MODULES, SHARE, REST_SECONDS = 2, 1, 0.2
LONGEST_SECONDS = 100.0
LOOK_SECONDS = 0.05
LIBRARY = msgspec.to_builtins(alone(MODULES, SHARE, "the test"))
ASSORTED = {"same": True, "lengths": [1, 2], "child": 42}
Make = Callable[[], NewJob]


@pytest.fixture
def stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which boundaries are noted, and chosen."""
    folder = tmp_path / "stops"
    folder.mkdir()
    monkeypatch.setenv("STOPS_FOLDER", str(folder))
    return folder


def makers(site: Site, trace: str) -> list[tuple[Make, object]]:
    """How to make a job of each of the workflows, and what comes of it."""
    library = (MODULES, SHARE, REST_SECONDS, trace)
    return [
        (lambda: boundary_jobs.library_report_of.new_job(*library), LIBRARY),
        (lambda: boundary_jobs.library_ledger.new_job(*library, site.url), LIBRARY),
        (lambda: boundary_jobs.assorted.new_job(trace, site.url), ASSORTED),
    ]


def run_all(site: Site, jobs: Sequence[NewJob]) -> None:
    """Run them to their ends, and approve each once it waits for that."""
    ids = site.add(*jobs)
    approved: set[UUID] = set()
    deadline = time.monotonic() + LONGEST_SECONDS
    waiting = "SELECT job_id FROM step WHERE op = 'signal' AND NOT done"
    left = "SELECT id FROM job WHERE id = ANY (%s) AND finalized_at IS NULL"
    while unfinished := site.query(left, ids):
        assert time.monotonic() < deadline, (
            f"{site.jobs([row[0] for row in unfinished])}{site._logs()}"
        )
        for (job_id,) in site.query(waiting):
            if job_id not in approved:
                approved.add(job_id)
                site.client.send_signal(job_id, boundary_jobs.APPROVED, "the test")
        time.sleep(LOOK_SECONDS)


def boundaries(stops: Path, job: NewJob) -> list[str]:
    """Those that an undisturbed run came to, in order."""
    return list(dict.fromkeys((stops / str(job.id)).read_text().splitlines()))


def stopping(stops: Path, make: Make, boundary: str) -> NewJob:
    """A job that stops there."""
    job = make()
    (stops / f"{job.id}.stop").write_text(boundary)
    return job


def flows(site: Site, expected: dict[UUID, object]) -> Iterator[Flow]:
    """How the workflows have ended."""
    for row in site.jobs(expected):
        enters = row.kind != boundary_jobs.library_report_of.kind
        yield Flow(str(row.id), row.state, row.output, expected[row.id], enters)


def test_a_stop_at_any_boundary_changes_nothing(site: Site, stops: Path, tmp_path: Path) -> None:
    trace = tmp_path / "effects"
    site.query(sql.load("chaos_ledger_create"))
    # A stop costs all async runs of its process another run: so there is one, and none is in vain.
    site.serve("tests.system.stopping_app:app", async_concurrency=1)
    kinds = makers(site, str(trace))
    expected: dict[UUID, object] = {}

    undisturbed = [make() for make, _ in kinds]
    run_all(site, undisturbed)
    jobs: list[tuple[str, NewJob]] = []
    for (make, output), calm in zip(kinds, undisturbed, strict=True):
        found = boundaries(stops, calm)
        assert len(found) > 25, found
        stopped = [(boundary, stopping(stops, make, boundary)) for boundary in found]
        expected |= dict.fromkeys([calm.id, *(job.id for _, job in stopped)], output)
        jobs += stopped
    run_all(site, [job for _, job in jobs])

    went_on = [at for at, job in jobs if not (stops / f"{job.id}.stopped").exists()]
    assert went_on == [], "these were not stopped, so nothing was shown of their boundaries"
    tokens = {(row[0], row[1]): row[2] for row in site.query(sql.load("chaos_tokens"))}
    ledger = [(row[0], row[1]) for row in site.query(sql.load("chaos_ledger"))]
    done = read_effects(trace.read_text().splitlines())
    effects = Effects(list(flows(site, expected)), done, tokens, ledger)
    assert [f"{kind}: {text}" for kind, text in wrong(effects)] == []
    assert site.count("completed") == sum(site.states()[state] for state in FINAL)
