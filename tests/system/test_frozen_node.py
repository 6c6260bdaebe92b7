"""A node that is stopped past its lease (SIGSTOP; a suspended machine) and goes on later."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path

from tests.support.node import QUICK, Node
from tests.support.postgres import wait_until
from tests.system import jobs
from tests.system.effects import check_all_completed
from tests.system.site import Site


def _stale_acks(node: Node) -> int:
    with urllib.request.urlopen(f"{node.http}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    (line,) = [line for line in lines if line.startswith("headrace_stale_acks_total ")]
    return int(float(line.split()[1]))


def test_a_frozen_node_loses_its_children_and_its_jobs_but_nothing_else(
    site: Site, tmp_path: Path
) -> None:
    trace, pid = tmp_path / "trace", tmp_path / "pid"
    trace.touch()
    frozen = site.serve(http=True, http_port=0, **QUICK)
    frozen.wait_children(3)
    # Both run when the node is frozen. One ends by itself before the lease does; the other goes on
    # until it is killed.
    (short,) = site.add(jobs.traced.new_job(path=str(trace), seconds=0.5))
    (long,) = site.add(jobs.sleeps_deaf.new_job(path=str(pid), seconds=4))
    wait_until(lambda: "begun" in trace.read_text() and pid.exists() and pid.read_text())
    frozen.signal(signal.SIGSTOP)
    first_pid = int(pid.read_text())
    other = site.serve(**QUICK)

    wait_until(lambda: not frozen.children)
    rows = site.wait_final([short, long])
    assert {(row.state, row.attempt, row.run_number) for row in rows} == {("completed", 2, 2)}
    assert int(pid.read_text()) != first_pid
    assert trace.read_text().count("ended") == 2, "the first run did end, but nobody heard of it"

    frozen.signal(signal.SIGCONT)
    frozen.wait_log("lost its lease")
    frozen.wait_log("came too late and changed nothing")
    frozen.wait_log("joined as node", times=2)
    frozen.wait_log("metrics and health at", times=2)
    frozen.wait_children(3)
    assert _stale_acks(frozen) >= 1
    assert site.jobs([short, long]) == rows, "late outcomes change nothing"
    for job_id in (short, long):
        assert [failure.error_class for failure in site.failures(job_id)] == ["NodeLost"]

    assert other.stop() == 0
    more = site.add(*(jobs.traced.new_job(path=str(trace)) for _ in range(100)))
    site.wait_final(more)
    site.query("DELETE FROM job WHERE id = %s", long)
    check_all_completed(site, trace, [short, *more])


def test_a_node_frozen_for_less_than_its_lease_loses_nothing(site: Site, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.touch()
    node = site.serve()
    job = jobs.traced.new_job
    ids = site.add(*(job(path=str(trace), seconds=0.005) for _ in range(1200)))
    site.wait_completed(500)
    node.signal(signal.SIGSTOP)
    wait_until(lambda: site.query("SELECT pg_sleep(1)"))
    node.signal(signal.SIGCONT)
    site.wait_final(ids)
    runs = check_all_completed(site, trace, ids)
    assert {len(of_job) for of_job in runs.values()} == {1}
