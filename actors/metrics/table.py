"""Every metric in one table: name, kind, labels, buckets, help.

Rules: names are `headrace_` + subject + base unit (seconds, jobs); counters end in `_total`. The
recorder refuses a name that is not here, and the README's list is made from here.
"""

from __future__ import annotations

from enum import Enum

import attrs


class MetricKind(Enum):
    """The Prometheus types in use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@attrs.frozen
class Metric:
    """One metric family. A counter's name is given without its `_total`."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# A handler takes from 100 us to hours; four buckets a decade would cost too many series a kind.
RUN_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)
# From a NOTIFY's millisecond to a day's backlog.
WAIT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 86400.0)
# One statement on a LAN takes 0.3 ms to 30 ms; over a second something is wrong.
STATEMENT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
BATCH_BUCKETS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


def _counter(name: str, help: str, *labels: str) -> Metric:  # noqa: A002 - the word for it
    return Metric(name, MetricKind.COUNTER, help, labels)


def _gauge(name: str, help: str, *labels: str) -> Metric:  # noqa: A002
    return Metric(name, MetricKind.GAUGE, help, labels)


def _histogram(
    name: str,
    help: str,  # noqa: A002
    buckets: tuple[float, ...],
    *labels: str,
) -> Metric:
    return Metric(name, MetricKind.HISTOGRAM, help, labels, buckets)


TABLE: tuple[Metric, ...] = (
    _counter("headrace_jobs_enqueued", "Jobs written by anyone, as the leader sees it."),
    _counter("headrace_jobs_claimed", "Jobs claimed by this node.", "queue"),
    _counter("headrace_jobs_released", "Claimed but unstarted jobs given back."),
    _counter("headrace_jobs_completed", "Runs whose handler returned.", "queue", "kind"),
    _counter("headrace_jobs_failed", "Runs that failed, retried or not.", "queue", "kind"),
    _counter("headrace_jobs_snoozed", "Runs that asked to be run again later.", "queue", "kind"),
    _counter("headrace_jobs_given_back", "Runs stopped by no fault of their own.", "queue", "kind"),
    _counter("headrace_jobs_retried", "Failed jobs written to be run again."),
    _counter("headrace_jobs_discarded", "Jobs given up, by this node's acks and rescues."),
    _counter("headrace_jobs_cancelled", "Jobs written as cancelled after a run."),
    _counter("headrace_jobs_rescued", "Jobs of dead nodes given back by this leader."),
    _counter("headrace_jobs_staged", "Due jobs made available by this leader."),
    _counter("headrace_jobs_pruned", "Old final jobs deleted by this leader."),
    _counter("headrace_jobs_expired", "Jobs this leader discarded at their deadline."),
    _counter("headrace_jobs_fired", "Jobs added for schedules by this leader."),
    _counter("headrace_reindexes", "Indexes built anew by this leader."),
    _counter("headrace_notes_lost", "Notes of runs that were not written."),
    _counter("headrace_workflows_suspended", "Runs that ended to wait.", "queue", "kind"),
    _counter("headrace_jobs_woken", "Waiting workflows that this node found could go on."),
    _counter("headrace_steps_recorded", "Steps of workflows that this node wrote."),
    _counter("headrace_records_refused", "Records of workflows that were refused."),
    _counter("headrace_stale_acks", "Outcomes that came too late and changed nothing."),
    _counter("headrace_wakeups", "Notifications of work that reached this node."),
    _counter("headrace_runs_interrupted", "Handlers told to stop.", "reason"),
    _counter("headrace_child_starts", "Children that became ready."),
    _counter("headrace_child_deaths", "Children that ended unasked or killed.", "cause"),
    _counter("headrace_child_recycles", "Children replaced in good health.", "reason"),
    _counter("headrace_fork_server_deaths", "Fork servers that ended by themselves."),
    _counter("headrace_kills", "Children that were sent SIGKILL.", "reason"),
    _counter("headrace_payload_warnings", "Payloads over the warning size.", "field"),
    _counter("headrace_payload_refusals", "Payloads refused at the Store.", "field"),
    _counter("headrace_leases_lost", "Times this node could not renew its lease."),
    _counter("headrace_store_losses", "Times an actor could not reach the database.", "actor"),
    _histogram("headrace_job_run_seconds", "A run, begin to end.", RUN_BUCKETS, "queue", "kind"),
    _histogram("headrace_job_wait_seconds", "From due to claimed.", WAIT_BUCKETS, "queue"),
    _histogram("headrace_claim_batch_jobs", "Jobs found by a claim.", BATCH_BUCKETS),
    _histogram("headrace_claim_seconds", "Duration of a claim.", STATEMENT_BUCKETS),
    _histogram("headrace_ack_batch_jobs", "Outcomes in an ack.", BATCH_BUCKETS),
    _histogram("headrace_ack_seconds", "Duration of an ack.", STATEMENT_BUCKETS),
    _histogram("headrace_record_batch_asks", "Asks in a write of steps.", BATCH_BUCKETS),
    _histogram("headrace_record_seconds", "Duration of a write of steps.", STATEMENT_BUCKETS),
    _histogram("headrace_heartbeat_seconds", "Duration of a renewal.", STATEMENT_BUCKETS),
    _gauge("headrace_demand_places", "Free places on this node."),
    _gauge("headrace_jobs", "Jobs (leader only).", "namespace", "queue", "state"),
    _gauge("headrace_queue_depth", "Available jobs (leader only).", "queue"),
    _gauge("headrace_queue_running", "Running jobs (leader only).", "queue"),
    _gauge("headrace_queue_oldest_age_seconds", "Of an available job (leader only).", "queue"),
    _gauge("headrace_queue_paused", "1 if paused (leader only).", "queue"),
    _gauge("headrace_listener_up", "1 while the node LISTENs."),
    _gauge("headrace_leader", "1 while the node is the leader."),
    _gauge("headrace_build_info", "Always 1; the labels tell.", "version", "python"),
)  # fmt: skip
