"""Two nodes share one database."""

from __future__ import annotations

from pathlib import Path

from tests.system import jobs
from tests.system.effects import check_all_completed
from tests.system.site import Site

JOBS = 2_000


def test_no_job_runs_twice_and_both_take_part(site: Site, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.touch()
    nodes = [site.start_node(), site.start_node()]
    for node in nodes:
        node.wait_started()
    servers = {node.fork_server for node in nodes}
    ids = site.add(*(jobs.traced.new_job(path=str(trace)) for _ in range(JOBS)))
    site.wait_final(ids)
    runs = check_all_completed(site, trace, ids)
    assert {len(of_job) for of_job in runs.values()} == {1}
    assert site.query("SELECT count(*) FROM failure") == [(0,)]
    by_pid = {run.pid for of_job in runs.values() for run in of_job}
    by_node = [by_pid & set(node.wait_children(3).values()) for node in nodes]
    assert all(by_node), "both took part"
    assert set().union(*by_node) == by_pid
    assert len(servers) == 2


def test_a_new_job_is_begun_by_one_of_two_idle_nodes(site: Site, tmp_path: Path) -> None:
    for node in [site.start_node(), site.start_node()]:
        node.wait_started()
    trace = tmp_path / "trace"
    trace.touch()
    ids = []
    for _ in range(100):
        ids += site.add(jobs.traced.new_job(path=str(trace)))
    site.wait_final(ids)
    check_all_completed(site, trace, ids)
