"""A handler that takes too much memory costs its own run."""

from __future__ import annotations

from tests.system import jobs
from tests.system.site import Site


def test_a_memory_limit_is_met_by_the_handler_alone(site: Site) -> None:
    node = site.serve(memory_limit_mib=512)
    children = node.wait_children(3)
    greedy, modest = site.add(jobs.eats.new_job(mib=1024), jobs.eats.new_job(mib=1))
    rows = site.wait_final([greedy, modest])
    assert [(row.state, row.attempt) for row in rows] == [("discarded", 1), ("completed", 1)]
    assert rows[1].output == 1024 * 1024
    (failure,) = site.failures(greedy)
    assert failure.error_class == "MemoryError"
    assert "in eats" in failure.trace
    assert node.children == children
