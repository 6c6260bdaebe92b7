"""Workflows on real nodes, in real children, on a real database: what runs once, what waits, what
a kill costs.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from runtime import NewJob
from tests.support.node import QUICK
from tests.support.processes import wait_for
from tests.system import workflow_jobs as jobs
from tests.system.site import JobSeen, Site

APP = "tests.system.workflow_jobs:app"
# A sleep ends within 50 ms of its time on an idle machine; this one is shared.
LATE_SECONDS = 1.0
SUSPENDED = 1_000


@pytest.fixture(scope="module")
def served(shared_site: Site) -> Site:
    """A site with a node that serves, for all tests that kill none."""
    shared_site.serve(APP)
    return shared_site


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file in which steps leave their lines."""
    made = tmp_path / "effects"
    made.touch()
    return made


def both(name: str) -> pytest.MarkDecorator:
    """A test of the sync workflow of this name and of its async twin."""
    pair = [getattr(jobs, name), getattr(jobs, f"async_{name}")]
    return pytest.mark.parametrize("workflow", pair, ids=["sync", "async"])


def begin(site: Site, *new: NewJob) -> UUID:
    return site.add(*new)[0]


def completed(site: Site, job_id: UUID) -> JobSeen:
    (row,) = site.wait_final([job_id])
    assert row.state == "completed", site.failures(job_id)
    return row


def lines(path: Path) -> list[str]:
    return path.read_text().split()


def recorded(site: Site, job_id: UUID) -> list[tuple[str, str, bool]]:
    """(op, name, done) of the steps, in order."""
    statement = "SELECT op, name, done FROM step WHERE job_id = %s ORDER BY recorded_at, place"
    return [tuple(row) for row in site.query(statement, job_id)]


@both("steps")
def test_steps_are_done_in_order_and_recorded(served: Site, path: Path, workflow: Any) -> None:
    job_id = begin(served, workflow.new_job(path=str(path)))
    row = completed(served, job_id)
    assert row.output == lines(path) == ["first", "second"]
    assert recorded(served, job_id) == [("step", "first", True), ("step", "second", True)]
    assert (row.run_number, row.attempt) == (1, 1), served.failures(job_id)


@both("sleeper")
def test_a_sleep_holds_no_worker_and_ends_in_time(served: Site, path: Path, workflow: Any) -> None:
    job_id = begin(served, workflow.new_job(path=str(path), seconds=1.5))
    served.wait_state(job_id, "scheduled")
    row = completed(served, job_id)
    assert lines(path) == ["before", "after"]
    assert 0 <= row.output < LATE_SECONDS
    assert (row.run_number, row.attempt) == (2, 1), "a wait is no attempt"


@both("approval")
def test_signals_are_taken_in_order_before_and_after_the_wait(
    served: Site, path: Path, workflow: Any
) -> None:
    job_id = begin(served, workflow.new_job(path=str(path)))
    served.client.send_signal(job_id, "approved", 1)  # before it waits, or while
    served.wait_state(job_id, "pending")
    served.client.send_signal(job_id, "other", 0)
    served.client.send_signal(job_id, "approved", 2)
    assert completed(served, job_id).output == [1, 2]
    assert lines(path) == ["before"]


def test_a_snooze_lasts_its_time_though_a_signal_has_come(served: Site, path: Path) -> None:
    with served.client.events("suspended", "snoozed") as events:
        job_id = begin(served, jobs.tired.new_job(path=str(path), seconds=1.5))
        served.wait_state(job_id, "pending")
        served.client.send_signal(job_id, "go")  # the second run: it is snoozed
        served.wait_state(job_id, "scheduled")
        served.client.send_signal(job_id, "go")
        heard = [events.next(20.0) for _ in range(2)]
    assert [(each.event, each.waits) for each in heard if each is not None] == [
        ("suspended", "signal go"),
        ("snoozed", None),
    ]
    assert served.client.read(job_id, "woken", timeout=20) == 3
    snoozed_at, woken_at, *_ = completed(served, job_id).output
    assert 1.4 <= woken_at - snoozed_at <= 1.5 + LATE_SECONDS


def test_a_plain_function_holds_up_no_other_async_workflow(served: Site, path: Path) -> None:
    gate = f"{path}.gate"
    blocked = begin(served, jobs.blocking.new_job(path=str(path), gate=gate))
    wait_for(lambda: lines(path), lambda: "it does not wait", 20)
    begin(served, jobs.open_gate.new_job(gate=gate))
    assert completed(served, blocked).output == "through"


@both("family")
@pytest.mark.parametrize("max_in_flight", [None, 7])
def test_children_run_everywhere_and_their_parent_holds_no_place(
    served: Site, workflow: Any, max_in_flight: int | None
) -> None:
    count = 200
    job_id = begin(served, workflow.new_job(count=count, max_in_flight=max_in_flight))
    row = completed(served, job_id)
    assert row.output == 49 + sum(n * n for n in range(count))
    children = served.query("SELECT state::text FROM job WHERE parent_id = %s", job_id)
    assert Counter(children) == {("completed",): count + 1}


def test_parallel_steps_are_done_once_each(served: Site, path: Path) -> None:
    job_id = begin(served, jobs.parallel.new_job(path=str(path)))
    assert completed(served, job_id).output == ["a", "b", "c"]
    assert sorted(lines(path)) == ["a", "b", "c"]


@both("gated")
def test_a_killed_child_costs_the_step_that_it_was_in(
    served: Site, path: Path, workflow: Any
) -> None:
    gate = path.with_name("gate")
    job_id = begin(served, workflow.new_job(path=str(path), gate=str(gate)))
    os.kill(_at_gate(path), signal.SIGKILL)
    gate.touch()
    row = completed(served, job_id)
    assert (row.output, row.attempt) == ("through", 2)
    assert _done(path) == {"before": 1, "at-gate": 2, "after": 1}


def _at_gate(path: Path) -> int:
    """The pid of the child that waits at the gate, once one does."""
    wait_for(lambda: "at-gate" in path.read_text(), lambda: f"only {lines(path)}", 30)
    return int(lines(path)[-1].partition("=")[2])


def _done(path: Path) -> Counter[str]:
    """What was really done, and how often."""
    return Counter(line.partition("=")[0] for line in lines(path))


def test_a_killed_node_costs_a_lease(site: Site, path: Path) -> None:
    node = site.serve(APP, **QUICK)
    gate = path.with_name("gate")
    held = begin(site, jobs.gated.new_job(path=str(path), gate=str(gate)))
    waiting = begin(site, jobs.approval.new_job(path=str(path.with_name("other"))))
    _at_gate(path)
    site.wait_state(waiting, "pending")
    node.kill()
    site.client.send_signal(waiting, "approved", 1)  # nobody hears it
    site.client.send_signal(waiting, "approved", 2)
    gate.touch()
    site.serve(APP, **QUICK)
    assert completed(site, held).output == "through"
    assert completed(site, waiting).output == [1, 2]
    assert _done(path) == {"before": 1, "at-gate": 2, "after": 1}


def test_a_node_drains_though_workflows_wait(site: Site, path: Path) -> None:
    node = site.serve(APP)
    job_id = begin(site, jobs.approval.new_job(path=str(path)))
    site.wait_state(job_id, "pending")
    began = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - began < 10
    site.client.send_signal(job_id, "approved", 1)
    site.serve(APP)
    site.client.send_signal(job_id, "approved", 2)
    assert completed(site, job_id).output == [1, 2]
    assert lines(path) == ["before"]


def test_suspended_workflows_hold_no_place_and_all_hear_of_an_event(served: Site) -> None:
    ids = served.add(*(jobs.waits_for_event.new_job() for _ in range(SUSPENDED)))
    wait_for(
        lambda: served.count("pending") >= SUSPENDED, lambda: str(served.states()), 60.0, every=0.1
    )
    assert served.count("running") == 0
    began = time.monotonic()
    completed(served, begin(served, jobs.quick.new_job()))
    assert time.monotonic() - began < 20  # it hangs for good, if they hold places
    served.client.emit_event("open", "yes")
    assert {row.output for row in served.wait_final(ids)} == {"yes"}
