"""A node behind a transaction pooler: it does not LISTEN, and finds its work by the poll."""

from __future__ import annotations

from tests.support.sessions import sessions
from tests.system import jobs
from tests.system.site import Site


def test_a_node_that_only_polls_finds_its_work(site: Site) -> None:
    node = site.serve(poll_only=True, poll_seconds=0.2)
    for _ in range(3):
        ids = site.add(*(jobs.add.new_job(a=i, b=1) for i in range(5)))
        assert [row.output for row in site.wait_final(ids)] == [1, 2, 3, 4, 5]
    (later,) = site.add(jobs.add.with_options(delay=0.1).new_job(a=1, b=1))
    assert site.wait_final([later])[0].output == 2
    assert sessions(site.url, "query LIKE 'LISTEN%%'") == []
    assert "listening" not in node.log


def test_a_cancel_reaches_a_node_that_only_polls(site: Site) -> None:
    site.serve(poll_only=True, poll_seconds=0.2)
    (job_id,) = site.add(jobs.naps.new_job(seconds=600.0))
    site.wait_state(job_id, "running")
    site.client.cancel(job_id)
    assert site.wait_state(job_id, "cancelled").attempt == 1
