"""What people ask of a node: cancel, retry, pause, resume; and how it finds its work."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.node import ROOT, Node
from tests.support.postgres import gone, wait_until
from tests.support.sessions import end_sessions, sessions
from tests.system import jobs
from tests.system.site import Site

LISTENING = "query LIKE 'LISTEN%%'"


@pytest.fixture(scope="module")
def node(shared_site: Site) -> Node:
    """A node with short patience."""
    return shared_site.serve(kill_grace_seconds=0.5)


@pytest.fixture
def site(shared_site: Site, node: Node) -> Site:
    """The site that this node serves, with all its children ready."""
    node.wait_children(3)
    return shared_site


def headrace(site: Site, *arguments: str) -> str:
    """Run a command of the command line; what it printed."""
    command = [sys.executable, "-m", "runtime", *arguments, "--database-url", site.url]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _sleeper(site: Site, path: Path, *, deaf: bool = False) -> tuple[UUID, int]:
    """A job that sleeps, once it does, and the pid of its child."""
    handler = jobs.sleeps_deaf if deaf else jobs.sleeps
    (job_id,) = site.add(handler.new_job(path=str(path), seconds=600))
    wait_until(lambda: path.exists() and path.read_text())
    return job_id, int(path.read_text())


def test_a_running_job_is_cancelled(site: Site, node: Node, tmp_path: Path) -> None:
    job_id, pid = _sleeper(site, tmp_path / "pid")
    site.client.cancel(job_id)
    row = site.wait_state(job_id, "cancelled")
    assert (row.attempt, row.run_number) == (1, 1)
    (failure,) = site.failures(job_id)
    assert failure.error_class == "JobCancelled"
    assert "in sleeps" in failure.trace
    assert pid in node.children.values(), "its child lives on"


def test_a_running_job_that_does_not_listen_is_killed(site: Site, tmp_path: Path) -> None:
    job_id, pid = _sleeper(site, tmp_path / "pid", deaf=True)
    headrace(site, "job", "cancel", str(job_id))
    row = site.wait_state(job_id, "cancelled")
    assert (row.attempt, row.run_number) == (1, 1)
    (failure,) = site.failures(job_id)
    assert (failure.error_class, failure.signal, failure.pid) == ("JobCancelled", "SIGKILL", pid)
    assert "in sleeps_deaf" in failure.trace
    assert gone(pid)


def test_a_running_async_job_is_cancelled(site: Site) -> None:
    first, second = site.add(*(jobs.naps.new_job(seconds=600.0) for _ in range(2)))
    for job_id in (first, second):
        site.wait_state(job_id, "running")
    site.client.cancel(first)
    assert site.wait_state(first, "cancelled").attempt == 1
    assert site.job(second).state == "running"
    site.client.cancel(second)
    site.wait_state(second, "cancelled")


def test_a_cancelled_job_may_be_tried_again(site: Site, tmp_path: Path) -> None:
    job_id, _ = _sleeper(site, tmp_path / "pid")
    site.client.cancel(job_id)
    site.wait_state(job_id, "cancelled")
    (tmp_path / "pid").unlink()
    headrace(site, "job", "retry", str(job_id))
    wait_until((tmp_path / "pid").exists)
    site.client.cancel(job_id)
    row = site.wait_state(job_id, "cancelled")
    assert (row.attempt, row.max_attempts, row.run_number) == (2, 2, 2)


def test_a_paused_queue_rests_until_it_is_resumed(site: Site) -> None:
    headrace(site, "queue", "pause", "default")
    ids = site.add(*(jobs.add.new_job(a=i, b=1) for i in range(20)))
    time.sleep(0.5)  # long enough for a node that did not obey
    assert {(row.state, row.attempt) for row in site.jobs(ids)} == {("available", 0)}
    headrace(site, "queue", "resume", "default")
    assert [row.output for row in site.wait_final(ids)] == [i + 1 for i in range(20)]


def test_a_job_that_becomes_due_does_not_wait_for_a_tick(site: Site) -> None:
    (job_id,) = site.add(jobs.add.with_options(delay=0.3).new_job(a=1, b=1))
    site.wait_state(job_id, "completed")
    ((late,),) = site.query(
        "SELECT extract(epoch FROM attempted_at - scheduled_at) FROM job WHERE id = %s", job_id
    )
    assert late < 3, "ticks are 5 s apart"


def test_a_killed_listening_session_is_back_and_nothing_is_missed(site: Site, node: Node) -> None:
    for round_ in range(1, 4):
        assert end_sessions(site.url, LISTENING) == 1
        ids = site.add(*(jobs.add.new_job(a=i, b=round_) for i in range(10)))
        site.wait_final(ids, 20)
        node.wait_log("listening$|info +listening", times=round_ + 1)
        wait_until(lambda: len(sessions(site.url, LISTENING)) == 1)
        (job_id,) = site.add(jobs.add.new_job(a=1, b=1))
        site.wait_final([job_id], 20)


def test_killed_sessions_of_the_pool_cost_nothing(site: Site) -> None:
    ids = site.add(*(jobs.burn.new_job(seconds=0.002) for _ in range(1000)))
    while site.jobs(ids[-1:])[0].state != "completed":
        end_sessions(site.url, f"NOT {LISTENING}")
        time.sleep(0.05)
    rows = site.wait_final(ids)
    assert {(row.state, row.attempt) for row in rows} == {("completed", 1)}
