"""Limits, sequences and run-time queues as users have them: a client, and nodes that serve."""

from __future__ import annotations

from collections import Counter

from runtime import Rate
from tests.system import jobs
from tests.system.site import Site


def at_once(site: Site, queue: str) -> int:
    """The most jobs of a queue that ran at one moment, by the rows."""
    rows = site.query(
        "SELECT max(at_once) FROM (SELECT sum(step) OVER (ORDER BY at, step) AS at_once"
        " FROM job, LATERAL (VALUES (attempted_at, 1), (finalized_at, -1)) AS change (at, step)"
        " WHERE queue = %s) AS counted",
        queue,
    )
    return int(rows[0][0])


def test_limits_sequences_and_queues_set_while_a_node_serves(site: Site) -> None:
    node = site.serve(poll_seconds=60)
    queues = site.client.queues
    queues.limit("mail", concurrency=2, per_key=1)
    queues.limit("api", rate=Rate(20, per=1.0, burst=1))
    assert queues.add("mail:9") == queues.add("api") == queues.add("steps")

    mail = [
        jobs.burn.with_options(queue="mail", key=f"user-{n % 3}").new_job(seconds=0.02)
        for n in range(12)
    ]
    api = [jobs.noop.with_options(queue="api").new_job() for _ in range(8)]
    steps = [
        jobs.noop.with_options(queue="steps", key="cart", sequence=True).new_job()
        for _ in range(10)
    ]
    ids = site.add(*mail, *api, *steps)
    assert Counter(row.state for row in site.wait_final(ids)) == {"completed": 30}

    assert at_once(site, "mail") <= 2
    assert at_once(site, "steps") == 1
    order = site.query("SELECT id FROM job WHERE queue = 'steps' ORDER BY attempted_at")
    assert [row[0] for row in order] == [job.id for job in steps]
    begun = site.query(
        "SELECT extract(epoch FROM max(attempted_at) - min(attempted_at)) FROM job"
        " WHERE queue = 'api'"
    )
    assert float(begun[0][0]) >= 7 / 20  # one each 50 ms

    queues.remove("steps")
    assert "steps" not in [queue.name for queue in queues.list()]
    node.stop()
