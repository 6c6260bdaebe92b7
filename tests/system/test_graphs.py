"""Graphs on real nodes, in real children: in order, with outputs handed on, whatever is killed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from runtime import Graph, GraphFailed
from tests.support.node import QUICK
from tests.support.processes import wait_for
from tests.system import graph_jobs as jobs
from tests.system.site import Site

APP = "tests.system.graph_jobs:app"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file in which jobs leave their lines."""
    made = tmp_path / "effects"
    made.touch()
    return made


def test_graphs_of_clients_and_of_workflows_run_on_a_node(shared_site: Site) -> None:
    site = shared_site
    site.serve(APP)
    handle = site.client.enqueue_graph(jobs.layers(40))
    plain, tolerant = site.add(jobs.flow.new_job(width=20), jobs.async_flow.new_job())
    assert handle.result(timeout=60)["sum"] == sum(range(40))
    site.wait_final([plain, tolerant])
    assert site.job(plain).output == sum(range(20))
    assert site.job(plain).run_number == 2, "it is not woken in between"
    expected = ["GraphFailed", {"instead": 7, "told": 3}, ["skipped", "far"]]
    assert site.job(tolerant).output == expected


def test_a_failed_graph_is_retried_by_its_root(shared_site: Site) -> None:
    site, graph = shared_site, Graph()
    graph.add("far", jobs.number, graph.add("bad", jobs.fails, why="it must"))
    handle = site.client.enqueue_graph(graph)
    for _ in range(2):
        with pytest.raises(GraphFailed, match="it must"):
            handle.result(timeout=60)
        site.client.retry(handle.id)


def test_a_killed_child_and_a_killed_node_change_no_result(site: Site, path: Path) -> None:
    node = site.serve(APP, **QUICK)
    gate = path.with_name("gate")
    handle = site.client.enqueue_graph(jobs.around_a_gate(str(path), str(gate)))
    os.kill(_at_gate(path, 1), signal.SIGKILL)
    _at_gate(path, 2)
    node.kill()
    gate.touch()
    site.serve(APP, **QUICK)
    assert handle.result(timeout=60) == {"before": 3, "held": 4, "beside": 10, "after": 14}
    done = Counter(line.partition("=")[0] for line in path.read_text().split())
    assert (done["before"], done["after"]) == (1, 1)


def _at_gate(path: Path, times: int) -> int:
    """The pid of the child that waits at the gate, once so many have."""

    def there() -> list[str]:
        found = [line for line in path.read_text().split() if line.startswith("at-gate")]
        return found if len(found) >= times else []

    wait_for(there, lambda: path.read_text(), 60)
    return int(there()[-1].partition("=")[2])
