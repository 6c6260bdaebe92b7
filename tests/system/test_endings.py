"""Every way in which a run can end, with real children, as the rows show it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from uuid import UUID

import pytest

from runtime import NewJob
from tests.support.node import Node
from tests.support.postgres import gone, wait_until
from tests.system import jobs
from tests.system.site import FailureSeen, JobSeen, Site

ALL = 3  # children: two Workers' and the one for async handlers


@pytest.fixture(scope="module")
def node(shared_site: Site) -> Node:
    """A node with two Workers that kills half a second after it told a handler to stop."""
    return shared_site.serve(kill_grace_seconds=0.5)


@pytest.fixture
def site(shared_site: Site, node: Node) -> Site:
    """The site that this node serves, with all its children ready."""
    node.wait_children(ALL)
    return shared_site


def _end(site: Site, job: NewJob) -> tuple[JobSeen, list[FailureSeen]]:
    """Enqueue a job, wait for its end; its row and its failures."""
    (job_id,) = site.add(job)
    (row,) = site.wait_final([job_id])
    return row, site.failures(job_id)


def _end_badly(site: Site, job: NewJob) -> FailureSeen:
    """The same for a job that is discarded at its first attempt; its one failure."""
    row, failures = _end(site, job)
    assert (row.state, row.attempt, row.run_number, row.output) == ("discarded", 1, 1, None)
    (failure,) = failures
    assert (failure.run_number, failure.attempt) == (1, 1)
    return failure


def test_a_handler_that_returns_completes_its_job(site: Site) -> None:
    row, failures = _end(site, jobs.add.new_job(a=2, b=3))
    assert (row.state, row.output, row.attempt, row.run_number) == ("completed", 5, 1, 1)
    assert (row.node_id, failures) == (None, [])
    row, _ = _end(site, jobs.noop.new_job())
    assert (row.state, row.output) == ("completed", None)


def test_a_handler_that_raises_is_retried_by_its_own_backoff(site: Site, tmp_path: Path) -> None:
    row, failures = _end(site, jobs.flaky.new_job(path=str(tmp_path / "seen"), times=2))
    assert (row.state, row.output, row.attempt, row.run_number) == ("completed", 2, 3, 3)
    assert [(f.error_class, f.message, f.attempt) for f in failures] == [
        ("ValueError", "attempt 1", 1),
        ("ValueError", "attempt 2", 2),
    ]
    assert all("in flaky" in f.trace and "runtime/child" not in f.trace for f in failures)
    assert all((f.exit_status, f.signal) == (None, None) for f in failures)
    assert {f.pid for f in failures} <= set(site.nodes[0].wait_children(ALL).values())
    assert all(f.node for f in failures)


def test_a_handler_that_always_raises_is_discarded_after_its_last_attempt(site: Site) -> None:
    row, failures = _end(site, jobs.fails_with_function_backoff.new_job())
    assert (row.state, row.attempt) == ("discarded", 2)
    assert [f.attempt for f in failures] == [1, 2]


def test_a_snoozed_run_is_not_counted(site: Site, tmp_path: Path) -> None:
    row, failures = _end(site, jobs.snoozes_once.new_job(path=str(tmp_path / "seen")))
    assert (row.state, row.output, row.attempt, row.run_number) == ("completed", 1, 1, 2)
    assert failures == []
    (later,) = site.add(jobs.ends_by_verdict.new_job(which="snooze"))
    row = site.wait_state(later, "scheduled")
    assert (row.attempt, row.run_number) == (0, 1)


def test_a_handler_may_discard_or_cancel_its_job(site: Site) -> None:
    row, (failure,) = _end(site, jobs.ends_by_verdict.new_job(which="discard"))
    assert (row.state, failure.error_class, failure.message) == ("discarded", "Discard", "no use")
    row, (failure,) = _end(site, jobs.ends_by_verdict.new_job(which="cancel"))
    assert (row.state, failure.error_class, failure.message) == (
        "cancelled",
        "Cancel",
        "not wanted",
    )


def test_a_handler_that_listens_is_stopped_at_its_timeout(site: Site, node: Node) -> None:
    children = node.children
    failure = _end_badly(site, jobs.stops_when_told.new_job())
    assert failure.error_class == "JobTimeout"
    assert "timeout of 0.3 s" in failure.message
    assert "in stops_when_told" in failure.trace
    assert (failure.pid in children.values(), failure.signal) == (True, None)
    assert node.children == children, "its child lives on"


@pytest.mark.parametrize("handler", [jobs.never_returns, jobs.holds_the_gil], ids=lambda h: h.kind)
def test_a_handler_that_does_not_listen_is_killed(site: Site, node: Node, handler: object) -> None:
    children = set(node.children.values())
    failure = _end_badly(site, handler.new_job())  # type: ignore[attr-defined]
    assert failure.error_class == "JobTimeout"
    assert "did not stop when told to" in failure.message
    assert (failure.signal, failure.exit_status) == ("SIGKILL", None)
    assert failure.pid in children
    assert f"in {handler.kind}" in failure.trace  # type: ignore[attr-defined]
    assert failure.pid not in node.children.values()


def test_a_segfault_is_told_with_its_stack(site: Site, node: Node) -> None:
    children = set(node.children.values())
    failure = _end_badly(site, jobs.segfault.new_job())
    assert (failure.error_class, failure.signal, failure.exit_status) == (
        "ChildDied",
        "SIGSEGV",
        None,
    )
    assert failure.pid in children
    assert "Segmentation fault" in failure.trace
    assert "in segfault" in failure.trace


@pytest.mark.parametrize("status", [0, 3])
def test_a_handler_that_exits_is_told_with_its_status(site: Site, status: int) -> None:
    failure = _end_badly(site, jobs.exits.new_job(status=status))
    assert (failure.error_class, failure.exit_status, failure.signal) == ("ChildDied", status, None)
    assert f"exited with status {status}" in failure.message


@pytest.mark.parametrize(
    ("handler", "error_class", "message"),
    [
        (jobs.returns_too_much, "PayloadTooLarge", "output is 3,000,002 bytes"),
        (jobs.returns_no_json, "PayloadInvalid", "has no JSON form"),
    ],
    ids=["too large", "no JSON"],
)
def test_an_output_that_cannot_be_kept_discards_the_job_at_once(
    site: Site, handler: object, error_class: str, message: str
) -> None:
    failure = _end_badly(site, handler.new_job())  # type: ignore[attr-defined]
    assert failure.error_class == error_class
    assert message in failure.message


def test_a_handler_that_kills_the_fork_server_costs_its_own_run(site: Site, node: Node) -> None:
    server = node.fork_server
    failure = _end_badly(site, jobs.kills_its_server.new_job())
    assert (failure.error_class, failure.signal) == ("ChildDied", "SIGKILL")
    assert "died with its fork server" in failure.message
    row, _ = _end(site, jobs.add.new_job(a=1, b=1))
    assert row.output == 2
    assert node.fork_server != server


def test_async_handlers_run_many_at_once(site: Site) -> None:
    began = time.monotonic()
    ids = site.add(*(jobs.naps.new_job(seconds=0.5) for _ in range(90)))
    rows = site.wait_final(ids)
    assert time.monotonic() - began < 20, "one after the other they take 45 s"
    assert {(row.state, row.output, row.attempt) for row in rows} == {("completed", 0.5, 1)}


def test_an_async_handler_is_cancelled_at_its_timeout(site: Site, node: Node) -> None:
    children = node.children
    ids = site.add(*(jobs.naps.new_job(seconds=1.0) for _ in range(10)))
    failure = _end_badly(site, jobs.naps_too_long.new_job())
    assert failure.error_class == "JobTimeout"
    assert "in naps_too_long" in failure.trace
    assert {row.attempt for row in site.wait_final(ids)} == {1}, "its neighbours napped on"
    assert node.children == children


def test_an_async_handler_that_blocks_costs_its_neighbours_no_attempt(
    site: Site, node: Node
) -> None:
    ids = site.add(*(jobs.naps.new_job(seconds=30.0) for _ in range(3)))
    for job_id in ids:
        site.wait_state(job_id, "running")
    failure = _end_badly(site, jobs.blocks_the_loop.new_job())
    assert (failure.error_class, failure.signal) == ("JobTimeout", "SIGKILL")
    for job_id in ids:
        node_rows = site.failures(job_id)
        assert node_rows == []
        assert site.job(job_id).attempt <= 1
        site.client.cancel(job_id)
    assert {row.state for row in site.wait_final(ids)} == {"cancelled"}


def test_an_async_handler_that_kills_its_child_is_counted(site: Site) -> None:
    row, failures = _end(site, jobs.async_segfault.new_job())
    assert (row.state, row.attempt) == ("discarded", 2)
    assert [failure.signal for failure in failures] == ["SIGSEGV", "SIGSEGV"]


def test_what_a_handler_has_started_is_killed_with_its_child(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    (job_id,) = site.add(jobs.leaves_a_process.new_job(path=str(path)))
    wait_until(lambda: path.exists() and path.read_text())
    (child,) = [p.parent for p in site.nodes[0].processes if p.pid == int(path.read_text())]
    os.kill(child, signal.SIGKILL)
    assert site.wait_state(job_id, "discarded").attempt == 1
    wait_until(lambda: gone(int(path.read_text())))


def test_bad_jobs_cost_their_neighbours_nothing(site: Site, tmp_path: Path) -> None:
    """Jobs that kill their child, in the midst of short ones that are handed ahead by the dozen."""
    trace = tmp_path / "trace"
    trace.touch()
    good = [jobs.traced.new_job(path=str(trace)) for _ in range(2000)]
    bad: list[NewJob] = [
        jobs.segfault.new_job(),
        jobs.exits.new_job(status=9),
        jobs.never_returns.new_job(),
        jobs.holds_the_gil.new_job(),
        jobs.kills_its_server.new_job(),
        jobs.returns_too_much.new_job(),
    ]
    mixed = [*good]
    for place, job in enumerate(bad, 1):
        mixed.insert(place * 280, job)
    site.add(*mixed)
    bad_ids: list[UUID] = [job.id for job in bad]
    assert [row.state for row in site.wait_final(bad_ids)] == ["discarded"] * len(bad)
    rows = site.wait_final([job.id for job in good])
    assert {row.state for row in rows} == {"completed"}
    # The fork server's death takes the other child's run with it; all else goes back uncounted.
    counted_twice = [row for row in rows if row.attempt > 1]
    assert len(counted_twice) <= 1
    for row in counted_twice:
        (failure,) = site.failures(row.id)
        assert "died with its fork server" in failure.message
