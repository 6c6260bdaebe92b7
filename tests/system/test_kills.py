"""kill -9 in the midst of 1,200 jobs: of children, fork servers and whole nodes.

Nothing is lost, no outcome is written twice, and whoever runs a job again finds the last one dead.
"""

from __future__ import annotations

import os
import random
import signal
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.node import QUICK, Node
from tests.support.postgres import gone, wait_until
from tests.support.processes import wait_for
from tests.system import jobs
from tests.system.effects import check_all_completed
from tests.system.site import Site

JOBS = 1_200
KILLS = 30  # of children


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """The file in which the runs leave their lines."""
    path = tmp_path / "trace"
    path.touch()
    return path


def _add_traced(site: Site, trace: Path, seconds: float = 0.005) -> list[UUID]:
    job = jobs.traced.new_job  # long enough to be killed in
    return site.add(*(job(path=str(trace), seconds=seconds) for _ in range(JOBS)))


def _kill(pid: int) -> None:
    """SIGKILL; the process may be gone by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _all_gone(pids: list[int]) -> bool:
    return all(gone(pid) for pid in pids)


def test_killed_children_cost_the_runs_that_they_were_in(site: Site, trace: Path) -> None:
    ids = _add_traced(site, trace)
    node = site.serve()
    killed: set[int] = set()
    dice = random.Random(5)
    for kill in range(1, KILLS + 1):  # as far as they come, so that a slow machine comes to the end
        site.wait_completed(JOBS * kill // (KILLS + 2))
        victims = sorted(set(node.children.values()) - killed)
        if victims:
            pid = dice.choice(victims)
            killed.add(pid)
            _kill(pid)
    site.wait_completed(JOBS)
    assert len(killed) >= KILLS // 2
    check_all_completed(site, trace, ids)
    rows = site.query("SELECT error_class, signal, exit_status, pid, message FROM failure")
    assert 1 <= len(rows) <= len(killed), "a death costs one run at most"
    for error_class, signal_name, exit_status, pid, message in rows:
        assert (error_class, signal_name, exit_status) == ("ChildDied", "SIGKILL", None)
        assert pid in killed
        assert "SIGKILL, which this node did not send" in message


def test_killed_fork_servers_cost_the_runs_of_their_children(site: Site, trace: Path) -> None:
    ids = _add_traced(site, trace)
    node = site.serve()
    kills = 0
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        site.wait_completed(int(JOBS * share))
        children = list(node.children.values())
        _kill(node.fork_server)
        kills += 1
        wait_until(partial(_all_gone, children))
    site.wait_completed(JOBS)
    check_all_completed(site, trace, ids)
    rows = site.query("SELECT error_class, message FROM failure")
    assert len(rows) <= 2 * kills, "one run a child at most"
    assert all(
        error_class == "ChildDied" and "died with its fork server" in message
        for error_class, message in rows
    )


def test_killed_nodes_cost_one_lease(site: Site, trace: Path) -> None:
    ids = _add_traced(site, trace, 0.01)
    nodes = [site.serve(**QUICK), site.serve(**QUICK)]
    for kill, share in enumerate((0.1, 0.4, 0.7)):
        site.wait_completed(int(JOBS * share))
        victim: Node = nodes[kill % 2]
        victim.kill()
        nodes[kill % 2] = site.start_node(**QUICK)
    site.wait_completed(JOBS)
    for node in nodes:
        node.wait_started()  # before it is asked to stop
    check_all_completed(site, trace, ids)
    rows = site.query("SELECT DISTINCT error_class, node, pid FROM failure")
    assert rows
    assert {error_class for error_class, _, _ in rows} == {"NodeLost"}
    assert len({node for _, node, _ in rows}) <= 3


def test_a_job_that_kills_its_node_each_time_is_given_up_after_its_attempts(site: Site) -> None:
    with site.client.events("rescued", "discarded") as events:
        (job_id,) = site.add(jobs.kills_its_node.new_job())
        for _ in range(2):
            site.start_node(**QUICK)
            wait_for(
                lambda: site.nodes[-1].process.poll() is not None, lambda: site.nodes[-1].log, 30
            )
        site.serve(**QUICK)  # its predecessors are seen to be dead, and their jobs are given back
        row = site.wait_state(job_id, "discarded")
        heard = [events.next(10) for _ in range(2)]

    assert (row.attempt, row.max_attempts, row.run_number) == (2, 2, 2)
    failures = site.failures(job_id)
    assert [(each.run_number, each.attempt, each.error_class) for each in failures] == [
        (1, 1, "NodeLost"),
        (2, 2, "NodeLost"),
    ]
    for each in failures:
        assert each.message.startswith(f"node lost: the lease of {each.node} ran out")
    assert [(e.event, e.job_id, e.error) for e in heard if e is not None] == [
        ("rescued", job_id, "NodeLost"),
        ("discarded", job_id, "NodeLost"),
    ]
