"""Jobs handed ahead behind one that turns out to be long do not wait for it."""

from __future__ import annotations

from pathlib import Path

from tests.system import jobs
from tests.system.site import Site


def test_another_worker_runs_what_was_handed_ahead_behind_a_long_run(
    site: Site, tmp_path: Path
) -> None:
    node = site.serve()
    node.wait_children(3)
    trained = site.add(*(jobs.add.new_job(a=i, b=1) for i in range(1000)))
    site.wait_final(trained)  # both Workers have learned that jobs are short
    for round_ in range(3):
        path = tmp_path / f"pid-{round_}"
        long_job, *short = site.add(
            jobs.sleeps.new_job(path=str(path), seconds=600),
            *(jobs.add.new_job(a=i, b=round_) for i in range(40)),
        )
        rows = site.wait_final(short)
        assert site.job(long_job).state == "running"
        assert {(row.state, row.attempt) for row in rows} == {("completed", 1)}
        # The patience is 40 ms; this is for a machine that does ten other things.
        ((longest,),) = site.query(
            "SELECT extract(epoch FROM max(finalized_at) - max(created_at)) FROM job"
            " WHERE id = ANY (%s)",
            short,
        )
        assert longest < 3
        site.client.cancel(long_job)
        site.wait_state(long_job, "cancelled")
    assert site.query("SELECT count(*) FROM failure WHERE error_class <> 'JobCancelled'") == [(0,)]


def test_two_long_runs_leave_the_rest_to_another_node(site: Site, tmp_path: Path) -> None:
    site.serve()
    trained = site.add(*(jobs.add.new_job(a=i, b=1) for i in range(1000)))
    site.wait_final(trained)
    long_jobs = [
        jobs.sleeps.with_options(priority=1).new_job(path=str(tmp_path / name), seconds=600)
        for name in ("a", "b")
    ]
    short = [jobs.add.with_options(priority=2).new_job(a=i, b=1) for i in range(100)]
    site.add(*long_jobs, *short)
    for job in long_jobs:
        site.wait_state(job.id, "running")
    site.serve()
    rows = site.wait_final(job.id for job in short)
    assert {(row.state, row.attempt) for row in rows} == {("completed", 1)}
    for job in long_jobs:
        assert site.job(job.id).state == "running"
        site.client.cancel(job.id)
    site.wait_final(job.id for job in long_jobs)
