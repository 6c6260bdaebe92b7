"""Workflows in the test kit: on a real database, run by `drain`, while `advance` lets time pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runtime import CANCEL, JobState, UsageError
from runtime.testing import Kit, perform
from tests.client import workflow_kit_app as flows
from tests.client.jobs import rows


@pytest.fixture
def kit(url: str) -> Iterator[Kit]:
    flows.seen.clear()
    with Kit(url, flows.app) as kit:
        yield kit


def states(url: str) -> list[Any]:
    return rows(url, "SELECT kind, state::text FROM headrace.job ORDER BY kind")


def test_a_workflow_is_run_to_its_end_over_all_its_waits(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(flows.flow, 4)
    assert job.kind == "flow@2"
    assert kit.drain().snoozed == 1
    assert states(url) == [("flow@2", "scheduled")]
    kit.advance(seconds=3600)
    kit.drain()
    assert ("flow@2", "pending") in states(url)
    assert [name for name, _ in states(url)].count("double") == 4
    kit.client.send_signal(job, "name", "ann")
    kit.drain()
    assert kit.client.result(job) == {
        "total": 6,
        "doubles": [0, 2, 4, 6],
        "name": "ann",
        "halves": [1, 8],
    }
    assert kit.client.read(job, "name") == "ann"
    assert ("flow@2", {"count": 4}) in flows.seen
    places = rows(url, "SELECT place, op, done FROM headrace.step ORDER BY place")
    assert [row[0] for row in places] == ["1", "2", "3", "4", "5", "6.0.1", "6.1.1"]
    assert all(row[2] for row in places)


def test_an_async_workflow_is_run_too(kit: Kit) -> None:
    job = kit.client.enqueue(flows.async_flow, 4)
    kit.drain()
    kit.advance(seconds=3600)
    kit.client.emit_event("opened", [1])
    kit.drain()
    assert kit.client.result(job) == [6, 10, [1]]


def test_a_workflow_that_begins_anew_has_new_children(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(flows.ticks, 2)
    kit.drain()
    assert kit.client.result(job) == 0
    assert len(states(url)) == 4
    assert rows(url, "SELECT place, op FROM headrace.step ORDER BY place") == [
        ("0", "continue"),
        ("1", "step"),
        ("2", "run"),
    ]


def test_a_failed_workflow_goes_on_from_the_failed_step_when_it_is_retried(kit: Kit) -> None:
    job = kit.client.enqueue(flows.fragile)
    assert kit.drain().discarded == 1
    (failure,) = kit.client.get(job.id).failures
    assert failure.error_class == "StepFailed"
    assert "division by zero" in failure.message
    kit.client.retry(job.id)
    kit.drain()
    assert flows.seen.count("first") == 1
    assert kit.client.result(job) > 0


def test_a_workflow_that_waits_may_clean_up_when_it_is_cancelled(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(flows.undoes)
    assert kit.drain().snoozed == 1
    kit.client.send_signal(job, CANCEL, "ill")
    kit.drain()
    got = kit.client.get(job.id)
    assert got.state is JobState.CANCELLED
    assert (got.failures[0].error_class, got.failures[0].message) == ("JobCancelled", "ill")
    assert [each for each in flows.seen if isinstance(each, str)] == [
        "booked",
        "booking cancelled: ill",
    ]
    assert [step.place for step in kit.client.steps(job)] == ["1", "2.0.1", "2.1.1", "3", "4"]
    steps = rows(url, "SELECT place, done FROM headrace.step ORDER BY place")
    assert steps == [(place, True) for place in ("0.0.1", "1", "2.0.1", "2.1.1", "3", "4")]


def test_perform_says_that_a_workflow_needs_a_database() -> None:
    with pytest.raises(UsageError, match="enqueue it, and run it by `drain`"):
        perform(flows.flow, 1)
