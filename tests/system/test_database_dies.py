"""PostgreSQL killed, stopped and away amid 1,200 jobs: nothing is lost, nothing doubled.

No process of the node dies here, so no run may be repeated at all.
"""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

from tests.support.postgres import RestartableServer, wait_until
from tests.system import jobs
from tests.system.effects import check_all_completed
from tests.system.site import Site

JOBS = 1_200


def _add_traced(site: Site, path: Path) -> list[UUID]:
    path.touch()
    job = jobs.traced.new_job  # long enough for a server to be gone in between
    return site.add(*(job(path=str(path), seconds=0.005) for _ in range(JOBS)))


def _check_no_run_was_repeated(site: Site, path: Path, ids: list[UUID]) -> None:
    runs = check_all_completed(site, path, ids)
    assert {len(of_job) for of_job in runs.values()} == {1}
    assert site.query("SELECT count(*) FROM failure") == [(0,)]


def test_a_killed_postmaster_costs_nothing(
    restartable_site: Site, restartable_server: RestartableServer, tmp_path: Path
) -> None:
    site, path = restartable_site, tmp_path / "trace"
    ids = _add_traced(site, path)
    node = site.serve()
    for share in (0.1, 0.3, 0.5, 0.7):
        site.wait_completed(int(JOBS * share))
        restartable_server.kill_postmaster()
        restartable_server.start()
    site.wait_completed(JOBS)
    _check_no_run_was_repeated(site, path, ids)
    assert len(site.query("SELECT id FROM node")) == 1, "it never lost its lease"
    assert node.process.poll() is None


def test_a_server_stopped_at_once_costs_nothing(
    restartable_site: Site, restartable_server: RestartableServer, tmp_path: Path
) -> None:
    site, path = restartable_site, tmp_path / "trace"
    ids = _add_traced(site, path)
    site.serve()
    for share, stop in (
        (0.1, restartable_server.stop_immediate),
        (0.4, restartable_server.stop_fast),
        (0.7, restartable_server.stop_immediate),
    ):
        site.wait_completed(int(JOBS * share))
        stop()
        time.sleep(0.5)  # a while without any server
        restartable_server.start()
    site.wait_completed(JOBS)
    _check_no_run_was_repeated(site, path, ids)


def test_a_database_away_for_longer_than_the_lease_has_the_node_stop_its_handlers(
    restartable_site: Site, restartable_server: RestartableServer, tmp_path: Path
) -> None:
    site, path = restartable_site, tmp_path / "pid"
    node = site.serve(lease_seconds=3, heartbeat_seconds=1, term_seconds=1.5)
    (long_job,) = site.add(jobs.sleeps_deaf.new_job(path=str(path), seconds=5))
    site.wait_state(long_job, "running")
    first_child = _wait_pid(path)
    restartable_server.stop_immediate()
    node.wait_log("lost its lease")
    node.wait_log(rf"child \d+ \(pid {first_child}\) died")
    assert first_child not in node.children.values()
    restartable_server.start()
    node.wait_log("serving as ")
    row = site.wait_state(long_job, "completed")
    assert row.run_number == 2
    # Given back by the Acker, uncounted, or rescued: whichever reaches the database first.
    failures = [failure.error_class for failure in site.failures(long_job)]
    assert (row.attempt, failures) in ((1, []), (2, ["NodeLost"]))
    assert len(site.query("SELECT id FROM node")) == 2, "it joined anew"


def _wait_pid(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text())
    return int(path.read_text())
