"""Metrics: what each event adds, with bounded labels."""

from __future__ import annotations

import datetime
import uuid

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from actors import events
from actors.metrics import TABLE, Metrics
from actors.store.protocol import QueueInfo
from runtime.lifecycle import JobState

JOB = uuid.UUID(int=1)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def run_ended(outcome: str = "completed", kind: str = "k", queue: str = "q") -> events.RunsEnded:
    return events.RunsEnded([events.RunEnded(kind, queue, outcome, 0.2, 0.02)])


def test_a_run_is_counted_and_timed_by_queue_and_kind() -> None:
    metrics = Metrics("1")
    metrics.observe(run_ended())
    metrics.observe(run_ended())
    metrics.observe(run_ended("failed"))
    labels = {"queue": "q", "kind": "k"}
    assert value(metrics, "headrace_jobs_completed_total", **labels) == 2
    assert value(metrics, "headrace_jobs_failed_total", **labels) == 1
    assert value(metrics, "headrace_job_run_seconds_count", **labels) == 3
    assert value(metrics, "headrace_job_wait_seconds_sum", queue="q") == pytest.approx(0.06)


@pytest.mark.parametrize(
    ("outcome", "counter"),
    [
        ("completed", "completed"),
        ("failed", "failed"),
        ("discarded", "failed"),
        ("snoozed", "snoozed"),
        ("given_back", "given_back"),
        ("cancelled", None),
    ],
)
def test_each_outcome_has_its_counter(outcome: str, counter: str | None) -> None:
    metrics = Metrics("1")
    metrics.observe(run_ended(outcome))
    counted = {
        name
        for name in ("completed", "failed", "snoozed", "given_back")
        if value(metrics, f"headrace_jobs_{name}_total", queue="q", kind="k")
    }
    assert counted == ({counter} if counter else set())


def test_a_suspension_is_counted() -> None:
    metrics = Metrics("1")
    metrics.observe(run_ended("suspended"))
    assert value(metrics, "headrace_workflows_suspended_total", queue="q", kind="k") == 1


def test_an_ack_tells_what_the_database_made_of_it() -> None:
    metrics = Metrics("1")
    stale = ((JOB, 1), (JOB, 2))
    metrics.observe(events.Acked(10, 8, 0.004, stale, retried=3, discarded=2, cancelled=1))
    assert value(metrics, "headrace_stale_acks_total") == 2
    assert value(metrics, "headrace_jobs_retried_total") == 3
    assert value(metrics, "headrace_jobs_discarded_total") == 2
    assert value(metrics, "headrace_jobs_cancelled_total") == 1
    assert value(metrics, "headrace_ack_batch_jobs_sum") == 10
    assert value(metrics, "headrace_ack_seconds_count") == 1


def test_a_claim_counts_its_jobs_by_queue() -> None:
    metrics = Metrics("1")
    metrics.observe(events.Claimed({"a": 3, "b": 4}, 2, 10, 0.001))
    metrics.observe(events.Claimed({}, 1, 10, 0.001))
    assert value(metrics, "headrace_jobs_claimed_total", queue="a") == 3
    assert value(metrics, "headrace_claim_batch_jobs_sum") == 7
    assert value(metrics, "headrace_claim_batch_jobs_bucket", le="0.0") == 1


@pytest.mark.parametrize(
    ("event", "name", "labels"),
    [
        (events.ChildDied(0, 1, "signal"), "child_deaths_total", {"cause": "signal"}),
        (events.ChildKilled(0, 1, "timeout"), "kills_total", {"reason": "timeout"}),
        (events.ChildStarted(0, 1, 0.1), "child_starts_total", {}),
        (events.ChildRecycled(0, 1, "runs"), "child_recycles_total", {"reason": "runs"}),
        (events.ForkServerDied(1, "signal"), "fork_server_deaths_total", {}),
        (events.PayloadWarned("args", 2, 1), "payload_warnings_total", {"field": "args"}),
        (events.PayloadRefused("args", "x"), "payload_refusals_total", {"field": "args"}),
        (events.RunInterrupted(JOB, "k", "cancel"), "runs_interrupted_total", {"reason": "cancel"}),
        (events.Wakeup("q"), "wakeups_total", {}),
        (events.LeaseLost(1, "x"), "leases_lost_total", {}),
        (events.StoreLost("acker", "x"), "store_losses_total", {"actor": "acker"}),
        (events.Enqueued(1), "jobs_enqueued_total", {}),
        (events.Rescued(("n",), 1, 0), "jobs_rescued_total", {}),
        (events.Staged(1), "jobs_staged_total", {}),
        (events.Woken(1), "jobs_woken_total", {}),
        (events.Recorded(3, 1, 2, 0.1), "steps_recorded_total", {}),
        (events.Recorded(3, 2, 1, 0.1), "records_refused_total", {}),
        (events.Recorded(1, 1, 0, 0.1), "record_batch_asks_sum", {}),
        (events.Recorded(3, 2, 1, 0.1), "record_seconds_count", {}),
        (events.Pruned(1), "jobs_pruned_total", {}),
        (events.Expired(1), "jobs_expired_total", {}),
        (events.Released(1, "drain"), "jobs_released_total", {}),
        (events.LeaseRenewed(0.1), "heartbeat_seconds_count", {}),
        (events.ListenerBack(), "listener_up", {}),
        (events.TermBegan(1), "leader", {}),
        (events.DemandChanged(1), "demand_places", {}),
    ],
)
def test_each_event_adds_one(event: events.Event, name: str, labels: dict[str, str]) -> None:
    metrics = Metrics("1")
    metrics.observe(event)
    assert value(metrics, f"headrace_{name}", **labels) == 1


def test_gauges_fall_again() -> None:
    metrics = Metrics("1")
    for event in (events.ListenerBack(), events.ListenerLost(), events.TermBegan(1)):
        metrics.observe(event)
    metrics.observe(events.TermEnded(1, "resigned"))
    assert value(metrics, "headrace_listener_up") == 0
    assert value(metrics, "headrace_leader") == 0


def test_queues_are_gauged_by_the_leader_and_gone_after_its_term() -> None:
    metrics = Metrics("1")
    paused = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    queue = QueueInfo("q", paused, available=7, running=2, oldest_age_seconds=1.5)
    metrics.observe(events.QueuesMeasured((queue,)))
    assert value(metrics, "headrace_queue_depth", queue="q") == 7
    assert value(metrics, "headrace_queue_running", queue="q") == 2
    assert value(metrics, "headrace_queue_oldest_age_seconds", queue="q") == 1.5
    assert value(metrics, "headrace_queue_paused", queue="q") == 1
    metrics.observe(events.QueuesMeasured(()))
    assert value(metrics, "headrace_queue_depth", queue="q") is None


def test_jobs_are_gauged_by_namespace_queue_and_state() -> None:
    metrics = Metrics("1")

    def count(namespace: str, queue: str, state: str) -> float | None:
        return value(metrics, "headrace_jobs", namespace=namespace, queue=queue, state=state)

    jobs = {("q", JobState.AVAILABLE): 7, ("q", JobState.COMPLETED): 3}
    metrics.observe(events.JobsCounted("farm", jobs))
    metrics.observe(events.JobsCounted("crops", {("r", JobState.RUNNING): 1}))
    assert (count("farm", "q", "available"), count("farm", "q", "completed")) == (7, 3)
    assert count("farm", "q", "running") == 0, "a state without jobs is shown"
    assert (count("crops", "r", "running"), count("crops", "q", "available")) == (1, None)

    metrics.observe(events.JobsCounted("farm", {("q", JobState.COMPLETED): 10}))
    assert (count("farm", "q", "available"), count("farm", "q", "completed")) == (0, 10)
    metrics.observe(events.JobsCounted("farm", {}))
    assert count("farm", "q", "completed") is None
    assert count("crops", "r", "running") == 1


def test_jobs_of_queues_beyond_a_hundred_are_added_up() -> None:
    metrics = Metrics("1")
    jobs = {(f"queue{number}", JobState.AVAILABLE): 2 for number in range(150)}
    metrics.observe(events.JobsCounted("farm", jobs))
    labels = {"namespace": "farm", "queue": "other", "state": "available"}
    assert value(metrics, "headrace_jobs", **labels) == 100


def test_kinds_beyond_a_hundred_are_other() -> None:
    metrics = Metrics("1")
    for number in range(150):
        metrics.observe(run_ended(kind=f"kind{number}"))
    metrics.observe(run_ended(kind="kind0"))
    name = "headrace_jobs_completed_total"
    assert value(metrics, name, queue="q", kind="kind0") == 2
    assert value(metrics, name, queue="q", kind="kind99") == 1
    assert value(metrics, name, queue="q", kind="kind100") is None
    assert value(metrics, name, queue="q", kind="other") == 50


def test_the_text_is_what_prometheus_reads_and_holds_the_whole_table() -> None:
    metrics = Metrics("1")
    metrics.observe(run_ended())
    families = {each.name for each in text_string_to_metric_families(metrics.render().decode())}
    assert families == {metric.name for metric in TABLE}
    assert b"_created" not in metrics.render()
    assert b'headrace_build_info{python="' in metrics.render()


def test_a_registry_of_the_users_own_is_shared() -> None:
    registry = CollectorRegistry()
    assert Metrics("1", registry).registry is registry
    assert registry.get_sample_value("headrace_leader") == 0


def test_observers_are_told_in_order() -> None:
    told: list[str] = []
    both = events.fan_out(lambda event: told.append("a"), lambda event: told.append("b"))
    both(events.ListenerLost())
    events.ignore(events.ListenerLost())
    assert told == ["a", "b"]
