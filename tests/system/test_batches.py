"""Batches on a real node: how they grow, and what a death, a cancel and a drain leave of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.support.processes import wait_for
from tests.system import batch_jobs
from tests.system.batch_jobs import Item
from tests.system.site import Site

APP = "tests.system.batch_jobs:app"


def test_jobs_are_run_in_batches_and_each_has_its_own_end(site: Site, tmp_path: Path) -> None:
    node = site.serve(APP, kill_grace_seconds=0.3)

    # They grow to their size, though the Worker has never seen how long its runs take.
    ids = site.add(*(batch_jobs.gather.new_job(Item(f"{n}")) for n in range(70)))
    calls = Counter(tuple(row.output) for row in site.wait_final(ids))
    assert all(count == size for (size, _), count in calls.items())
    assert sum(size == 20 for size, _ in calls) >= 2
    assert len(calls) <= 6, calls

    # Only jobs of one key are together.
    keyed = [batch_jobs.gather_by_key.new_job(Item("ab"[n % 2])) for n in range(20)]
    rows = site.wait_final(site.add(*keyed))
    assert {row.output[0] for row in rows} == {"a", "b"}
    assert all(len(row.output) == 2 for row in rows)
    assert max(row.output[1] for row in rows) >= 5

    # One that kills the process is told from the others, which pay for it once.
    names = ["good", "poison", "good", "good"]
    rows = site.wait_final(site.add(*(batch_jobs.poisoned.new_job(Item(n)) for n in names)))
    assert [row.state for row in rows] == ["completed", "discarded", "completed", "completed"]
    assert all(row.output == 1 for row in rows if row.state == "completed"), "alone, after that"
    poison = site.failures(rows[1].id)
    assert poison[-1].error_class == "Quarantined"
    assert len(poison) == 3

    # A timeout costs those that were not marked; the others keep what they were marked with.
    first, second = site.wait_final(
        site.add(*(batch_jobs.stuck.new_job(Item(n)) for n in ("a", "b")))
    )
    assert (first.state, first.output) == ("completed", "in time")
    assert second.state == "discarded"
    assert [failure.error_class for failure in site.failures(second.id)] == ["JobTimeout"]

    # A job of a batch that goes on can be cancelled, and so can one that is being gathered.
    path = tmp_path / "go"
    jobs = [batch_jobs.wait.new_job(Item(n, str(path))) for n in ("a", "b")]
    kept, cancelled = site.add(*jobs)
    site.wait_state(cancelled, "running")
    site.client.cancel(cancelled)
    path.touch()
    rows = site.wait_final([kept, cancelled])
    assert [row.state for row in rows] == ["completed", "cancelled"]
    (gathered, drained) = site.add(*(batch_jobs.patient.new_job(Item(n)) for n in "ab"))
    site.wait_state(gathered, "running")
    site.client.cancel(gathered)
    assert site.wait_state(gathered, "cancelled", seconds=10).output is None

    # What was gathered and not begun goes back, uncounted, when the node leaves.
    site.wait_state(drained, "running")
    assert node.stop() == 0
    wait_for(lambda: site.job(drained).state == "available", lambda: str(site.job(drained)), 10)
    assert site.job(drained).attempt == 0
