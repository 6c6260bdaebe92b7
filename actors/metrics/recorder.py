"""Metrics: counts a node's events. It is an observer and nothing else.

Rules: fed from events only; called in the one thread of trio, so histograms do without locks (see
`tally`). Runs come in batches: a counter is added to once a batch, a histogram once a run.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric as Samples

from actors import events
from actors.metrics.families import Families
from actors.metrics.labels import BoundedLabel
from runtime.lifecycle import JobState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_RunSeries = tuple[Callable[[float], None], Callable[[float], None], Callable[[float], None]]

_RUN_COUNTERS = {
    "completed": "headrace_jobs_completed",
    "failed": "headrace_jobs_failed",
    "discarded": "headrace_jobs_failed",  # its job is counted as discarded when that is written
    "snoozed": "headrace_jobs_snoozed",
    "suspended": "headrace_workflows_suspended",
    "given_back": "headrace_jobs_given_back",
    "cancelled": "",  # its job is counted as cancelled when that is written
}
_QUEUE_GAUGES = (
    "headrace_queue_depth",
    "headrace_queue_running",
    "headrace_queue_oldest_age_seconds",
    "headrace_queue_paused",
)


class Metrics:
    """A node's metrics. `observe` takes events; `render` gives the text that Prometheus reads.

    Args: registry: to be joined with metrics of your own; by default one of its own.
    """

    def __init__(self, version: str, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._families = families = Families(self.registry)
        self._kind = BoundedLabel()
        self._queue = BoundedLabel()
        self._runs: dict[tuple[str, str, str], _RunSeries] = {}
        self._counted: dict[str, set[tuple[str, str]]] = {}  # by namespace: queues and states
        families.gauge("headrace_build_info", version, platform.python_version()).set(1)
        self._handlers: dict[type, Callable[[Any], None]] = {
            events.Claimed: self._claimed,
            events.RunsEnded: self._runs_ended,
            events.Acked: self._acked,
            events.Recorded: self._recorded,
            events.Rescued: self._rescued,
            events.QueuesMeasured: self._queues_measured,
            events.JobsCounted: self._jobs_counted,
            **_counters(families),
            **_gauges(families),
        }

    def observe(self, event: events.Event) -> None:
        """Count an event. Those that no metric tells of are ignored."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, `CONTENT_TYPE`."""
        return generate_latest(_Uncreated(self.registry))

    def _claimed(self, event: events.Claimed) -> None:
        for queue, jobs in event.jobs.items():
            self._families.counter("headrace_jobs_claimed", self._queue(queue)).inc(jobs)
        self._families.histogram("headrace_claim_batch_jobs").observe(sum(event.jobs.values()))
        self._families.histogram("headrace_claim_seconds").observe(event.seconds)

    def _runs_ended(self, event: events.RunsEnded) -> None:
        counts: Counter[tuple[str, str, str]] = Counter()
        for run in event.runs:
            key = (run.queue, run.kind, run.outcome)
            series = self._runs.get(key)
            if series is None:
                series = self._runs[key] = self._find_run_series(*key)
            counts[key] += 1
            series[1](run.run_seconds)
            series[2](run.wait_seconds)
        for key, count in counts.items():
            self._runs[key][0](count)

    def _find_run_series(self, queue: str, kind: str, outcome: str) -> _RunSeries:
        queue, kind = self._queue(queue), self._kind(kind)
        counter = _RUN_COUNTERS[outcome]
        return (
            self._families.counter(counter, queue, kind).inc if counter else lambda count: None,
            self._families.histogram("headrace_job_run_seconds", queue, kind).observe,
            self._families.histogram("headrace_job_wait_seconds", queue).observe,
        )

    def _acked(self, event: events.Acked) -> None:
        self._families.histogram("headrace_ack_batch_jobs").observe(event.batch)
        self._families.histogram("headrace_ack_seconds").observe(event.seconds)
        self._families.counter("headrace_stale_acks").inc(len(event.stale))
        self._families.counter("headrace_jobs_retried").inc(event.retried)
        self._families.counter("headrace_jobs_discarded").inc(event.discarded)
        self._families.counter("headrace_jobs_cancelled").inc(event.cancelled)

    def _recorded(self, event: events.Recorded) -> None:
        self._families.histogram("headrace_record_batch_asks").observe(event.batch)
        self._families.histogram("headrace_record_seconds").observe(event.seconds)
        self._families.counter("headrace_steps_recorded").inc(event.steps)
        self._families.counter("headrace_records_refused").inc(event.refused)

    def _rescued(self, event: events.Rescued) -> None:
        self._families.counter("headrace_jobs_rescued").inc(event.jobs)
        self._families.counter("headrace_jobs_discarded").inc(event.discarded)

    def _queues_measured(self, event: events.QueuesMeasured) -> None:
        """The leader's view replaces the one before; without a leader's term there is none."""
        for name in _QUEUE_GAUGES:
            self._families.forget(name)
        for queue in event.queues:
            values = (
                queue.available,
                queue.running,
                queue.oldest_age_seconds or 0.0,
                queue.paused_at is not None,
            )
            for name, value in zip(_QUEUE_GAUGES, values, strict=True):
                self._families.gauge(name, self._queue(queue.name)).set(value)

    def _jobs_counted(self, event: events.JobsCounted) -> None:
        """A queue with jobs is shown with all states, so that one that falls to none is 0."""
        counts: Counter[tuple[str, str]] = Counter()
        for (queue, state), jobs in event.jobs.items():
            name = self._queue(queue)
            counts.update({(name, each.value): 0 for each in JobState})
            counts[name, state.value] += jobs
        for gone in self._counted.get(event.namespace, set()) - set(counts):
            self._families.forget_series("headrace_jobs", event.namespace, *gone)
        self._counted[event.namespace] = set(counts)
        for (name, state_name), jobs in counts.items():
            self._families.gauge("headrace_jobs", event.namespace, name, state_name).set(jobs)


class _Uncreated:
    """A registry's metrics without the `_created` series, which double its counters' number.

    The library can leave them out itself, but only for all registries of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Samples]:
        for family in self._registry.collect():
            family.samples = [each for each in family.samples if not each.name.endswith("_created")]
            yield family


def _counters(families: Families) -> dict[type, Callable[[Any], None]]:
    """Events that add to one counter."""

    def add(name: str, label: str = "", amount: str = "") -> Callable[[Any], None]:
        def handle(event: Any) -> None:
            labels = (getattr(event, label),) if label else ()
            families.counter(name, *labels).inc(getattr(event, amount) if amount else 1)

        return handle

    return {
        events.Enqueued: add("headrace_jobs_enqueued", amount="jobs"),
        events.Released: add("headrace_jobs_released", amount="jobs"),
        events.NotesLost: add("headrace_notes_lost", amount="notes"),
        events.Woken: add("headrace_jobs_woken", amount="jobs"),
        events.Staged: add("headrace_jobs_staged", amount="jobs"),
        events.Pruned: add("headrace_jobs_pruned", amount="jobs"),
        events.Expired: add("headrace_jobs_expired", amount="jobs"),
        events.Fired: add("headrace_jobs_fired", amount="jobs"),
        events.Reindexed: add("headrace_reindexes"),
        events.Wakeup: add("headrace_wakeups"),
        events.RunInterrupted: add("headrace_runs_interrupted", "reason"),
        events.ChildStarted: add("headrace_child_starts"),
        events.ChildDied: add("headrace_child_deaths", "cause"),
        events.ChildRecycled: add("headrace_child_recycles", "reason"),
        events.ForkServerDied: add("headrace_fork_server_deaths"),
        events.ChildKilled: add("headrace_kills", "reason"),
        events.PayloadWarned: add("headrace_payload_warnings", "field"),
        events.PayloadRefused: add("headrace_payload_refusals", "field"),
        events.LeaseLost: add("headrace_leases_lost"),
        events.StoreLost: add("headrace_store_losses", "actor"),
    }


def _gauges(families: Families) -> dict[type, Callable[[Any], None]]:
    """Events that set one gauge, and the one that is a duration of its own."""
    demand = families.gauge("headrace_demand_places")
    listener = families.gauge("headrace_listener_up")
    leader = families.gauge("headrace_leader")
    heartbeat = families.histogram("headrace_heartbeat_seconds")
    return {
        events.DemandChanged: lambda event: demand.set(event.places),
        events.ListenerBack: lambda event: listener.set(1),
        events.ListenerLost: lambda event: listener.set(0),
        events.TermBegan: lambda event: leader.set(1),
        events.TermEnded: lambda event: leader.set(0),
        events.LeaseRenewed: lambda event: heartbeat.observe(event.seconds),
    }
