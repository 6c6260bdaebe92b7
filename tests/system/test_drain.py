"""SIGTERM drains, a second one stops now: what becomes of the jobs, and the exit status."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.postgres import RestartableServer, wait_until
from tests.system import jobs
from tests.system.effects import check_all_completed
from tests.system.site import Site


def _sleeper(site: Site, path: Path, seconds: float, *, deaf: bool = False) -> UUID:
    """A job that sleeps, once it does."""
    handler = jobs.sleeps_deaf if deaf else jobs.sleeps
    (job_id,) = site.add(handler.new_job(path=str(path), seconds=seconds))
    wait_until(lambda: path.exists() and path.read_text())
    return job_id


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_job_may_end(site: Site, tmp_path: Path, number: signal.Signals) -> None:
    node = site.serve()
    job_id = _sleeper(site, tmp_path / "pid", 1.5)
    node.signal(number)
    assert node.wait() == 0
    row = site.job(job_id)
    assert (row.state, row.output, row.attempt) == ("completed", "slept", 1)
    assert site.query("SELECT count(*) FROM node WHERE ended_at IS NULL") == [(0,)]


def test_an_idle_node_ends_at_once(site: Site) -> None:
    node = site.serve()
    node.wait_children(3)
    began = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - began < 10, "its deadlines are longer than that"


def test_jobs_that_have_not_begun_go_back_uncounted(site: Site, tmp_path: Path) -> None:
    """Some are handed ahead to the children, all others wait in the database."""
    trace = tmp_path / "trace"
    trace.touch()
    job = jobs.traced.new_job
    ids = site.add(*(job(path=str(trace), seconds=0.005) for _ in range(1500)))
    node = site.serve()
    site.wait_completed(300)
    assert node.stop() == 0
    rows = site.jobs(ids)
    begun = {line.split()[2] for line in trace.read_text().splitlines()}
    assert {row.state for row in rows} == {"completed", "available"}
    for row in rows:
        assert (row.state == "completed") == (str(row.id) in begun), row
        assert row.attempt == (1 if row.state == "completed" else 0), row
    assert site.query("SELECT count(*) FROM failure") == [(0,)]
    assert len(begun) * 2 == len(trace.read_text().splitlines()), "each that began also ended"


@pytest.mark.measured
def test_a_job_longer_than_the_drain_is_told_and_goes_back(site: Site, tmp_path: Path) -> None:
    node = site.serve(drain_seconds=0.5)
    job_id = _sleeper(site, tmp_path / "pid", 600)
    assert node.stop() == 0
    row = site.job(job_id)
    assert (row.state, row.attempt, row.run_number) == ("available", 0, 1)
    assert site.failures(job_id) == []


def test_all_workers_drain_at_once(site: Site, tmp_path: Path) -> None:
    node = site.serve(workers=6, drain_seconds=2)
    for number in range(6):
        _sleeper(site, tmp_path / f"pid-{number}", 600)
    began = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - began < 10, "one after the other they would take 12 s"


def test_a_job_that_does_not_listen_is_killed_after_the_drain(site: Site, tmp_path: Path) -> None:
    node = site.serve(drain_seconds=0.5, kill_grace_seconds=0.5)
    job_id = _sleeper(site, tmp_path / "pid", 600, deaf=True)
    assert node.stop() == 0
    row = site.job(job_id)
    assert (row.state, row.attempt, row.run_number) == ("available", 0, 1)
    assert site.failures(job_id) == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["TERM", "INT"]
)
def test_a_second_signal_stops_now(
    site: Site, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    node = site.serve()
    job_id = _sleeper(site, tmp_path / "pid", 600, deaf=True)
    began = time.monotonic()
    node.signal(number)
    node.wait_log("draining; once more to stop now")
    node.wait_log("draining: 1 jobs")
    node.signal(number)
    assert node.wait() == status
    assert time.monotonic() - began < 15, "its drain and grace are 30 s"
    row = site.job(job_id)
    assert (row.state, row.attempt, row.run_number) == ("available", 0, 1)


def test_an_async_job_longer_than_the_drain_is_cancelled_and_goes_back(site: Site) -> None:
    node = site.serve(drain_seconds=0.5)
    ids = site.add(*(jobs.naps.new_job(seconds=600.0) for _ in range(5)))
    for job_id in ids:
        site.wait_state(job_id, "running")
    assert node.stop() == 0
    assert {(row.state, row.attempt) for row in site.jobs(ids)} == {("available", 0)}


def test_another_node_takes_over_what_a_drain_gives_back(site: Site, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.touch()
    job = jobs.traced.new_job
    ids = site.add(*(job(path=str(trace), seconds=0.005) for _ in range(1200)))
    first, _second = site.serve(), site.serve()
    site.wait_completed(400)
    assert first.stop() == 0
    rows = site.wait_final(ids)
    assert {(row.state, row.attempt) for row in rows} == {("completed", 1)}


def test_async_jobs_that_a_drain_gives_back_do_not_go_on_meanwhile(
    site: Site, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    trace.touch()
    new_job = jobs.async_traced.new_job
    for node in [site.start_node(), site.start_node(drain_seconds=0.2)]:
        node.wait_started()
    ids = site.add(*(new_job(path=str(trace), seconds=0.4) for _ in range(1000)))
    site.wait_completed(150)
    assert site.nodes[1].stop() == 0
    site.wait_final(ids)
    check_all_completed(site, trace, ids, processes_die=False)
    assert site.query("SELECT count(*) FROM failure") == [(0,)]


def test_a_drain_without_a_database_ends_too(
    restartable_site: Site, restartable_server: RestartableServer, tmp_path: Path
) -> None:
    site = restartable_site
    node = site.serve(drain_seconds=1, lease_seconds=30)
    job_id = _sleeper(site, tmp_path / "pid", 600)
    restartable_server.stop_immediate()
    node.wait_log("cannot reach the database")
    assert node.stop(60) == 0
    restartable_server.start()
    assert site.job(job_id).state == "running", "its lease has to run out"
