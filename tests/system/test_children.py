"""The life of children: recycled, spawned, stopped; and none outlives its node."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.support.postgres import wait_until
from tests.system import jobs
from tests.system.effects import check_all_completed
from tests.system.site import Site


def test_children_are_recycled_between_runs(site: Site, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.touch()
    node = site.serve(recycle_runs=100)
    first = set(node.wait_children(3).values())
    ids = []
    for round_ in range(1, 4):
        ids += site.add(*(jobs.traced.new_job(path=str(trace)) for _ in range(600)))
        site.wait_completed(len(ids))
        node.wait_log("replacing child", times=round_)
    runs = check_all_completed(site, trace, ids)
    assert {len(of_job) for of_job in runs.values()} == {1}
    assert site.query("SELECT count(*) FROM failure") == [(0,)]
    assert first != set(node.wait_children(3).values())


def test_spawned_children_serve_as_forked_ones_do(site: Site, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.touch()
    node = site.serve(start_method="spawn", kill_grace_seconds=0.5)
    ids = site.add(*(jobs.traced.new_job(path=str(trace)) for _ in range(300)))
    bad = [jobs.segfault.new_job(), jobs.never_returns.new_job(), jobs.exits.new_job(status=1)]
    site.add(*bad)
    assert {row.state for row in site.wait_final(ids)} == {"completed"}
    assert [row.state for row in site.wait_final(job.id for job in bad)] == ["discarded"] * 3
    for job in bad:
        site.query("DELETE FROM job WHERE id = %s", job.id)
    check_all_completed(site, trace, ids)
    assert node.wait_children(3)


def test_a_stopped_child_costs_its_jobs_ten_seconds(site: Site) -> None:
    node = site.serve()
    site.wait_final(site.add(*(jobs.burn.new_job(seconds=0.05) for _ in range(20))))
    children = node.wait_children(3)
    for number in (0, 1):
        os.kill(children[number], signal.SIGSTOP)
    began = time.monotonic()
    ids = site.add(*(jobs.add.new_job(a=i, b=1) for i in range(10)))
    rows = site.wait_final(ids)
    assert time.monotonic() - began >= 9
    assert {(row.state, row.attempt) for row in rows} == {("completed", 1)}
    assert "stuck" in node.log


def test_no_process_outlives_a_killed_node(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    node = site.serve()
    node.wait_children(3)
    site.add(
        jobs.sleeps_deaf.new_job(path=str(path), seconds=600),
        jobs.holds_the_gil.with_options(timeout=600).new_job(),
        jobs.naps.new_job(seconds=600.0),
    )
    wait_until(lambda: path.exists() and site.count("running") == 3)
    node.kill()
    assert node.processes == []
