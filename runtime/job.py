"""A job, as it is given to the Store, as it is claimed, and as it is shown.

Rules: frozen data, JSON as text (nobody but the client and the child decodes it). Times are the
database's, in UTC. A name ends in `_at` for a time and in `_seconds` for a duration.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from runtime.backoff import DEFAULT_BACKOFF, Backoff
from runtime.batch import Batch
from runtime.lifecycle import JobState

DEFAULT_QUEUE = "default"
DEFAULT_PRIORITY = 1  # 1 runs first, 4 last, as in River
MAX_PRIORITY = 4
DEFAULT_MAX_ATTEMPTS = 25  # with the default backoff the last one comes after three weeks


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """What enqueue takes: a job that is checked and encoded, ready to be written.

    `args` and `metadata` are JSON objects as text, already past the payload guard's value checks.
    `delay_seconds` counts by the database's clock, `scheduled_at` is absolute; one at most is set;
    so it is with `expires_seconds` and `expires_at`. The unique_ fields: see `runtime.unique`.
    """

    id: UUID
    kind: str
    args: str = "{}"
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout_seconds: float | None = None  # None: the handler's own
    delay_seconds: float | None = None
    scheduled_at: datetime | None = None
    tags: tuple[str, ...] = ()
    metadata: str = "{}"
    key: str | None = None  # what its queue groups it by
    sequence: bool = False  # one at a time, and in order, per key
    unique_key: bytes | None = None  # SHA-256 of what makes it unique, without its period
    unique_states: str = ""  # "0" or "1" for each state in which it holds the key
    unique_period_seconds: float | None = None
    on_conflict: str = "keep"
    replace: tuple[str, ...] | None = None  # None: all that can be
    expires_at: datetime | None = None  # not to begin, and not to go on, after this
    expires_seconds: float | None = None  # from now, by the database's clock
    held: bool = False  # of a graph: pending, until what it comes after has ended


class ClaimedJob(msgspec.Struct, frozen=True, gc=False):
    """A job that this node holds under its lease: what a Worker needs to run it and to ack it."""

    id: UUID
    run_number: int  # never reused; with the id it fences this run's outcome
    kind: str
    queue: str
    args: str  # a JSON object, as text
    attempt: int  # this run's, counted from 1
    max_attempts: int
    timeout_seconds: float | None  # set at enqueue; None: the handler's own
    metadata: str  # a JSON object, as text
    wait_seconds: float  # from scheduled_at to the claim, by the database's clock
    key: str | None = None  # what its queue groups it by
    crashes: int = 0  # runs of it that ended with the death of their process
    expires_seconds: float | None = (
        None  # from the claim to expires_at; <= 0: not to begin any more
    )


class KindInfo(msgspec.Struct, frozen=True):
    """What a node knows of a handler without importing the app: the fork server tells it."""

    kind: str
    is_async: bool = False
    timeout_seconds: float | None = None  # None: the node's default; 0: none at all
    backoff: Backoff = DEFAULT_BACKOFF  # where its child died; else the child applies the policy
    max_crashes: int | None = None  # None: the node's default
    discards: tuple[str, ...] = ()  # error classes of the node's own that are not retried
    cpu_timeout_seconds: float | None = None
    memory_mib: int | None = None
    nice: int = 0
    cores: int = 1
    batch: Batch | None = None  # its jobs are gathered
    workflow: bool = False  # it takes a context


class FailureRow(msgspec.Struct, frozen=True):
    """One failed run, as shown."""

    run_number: int
    attempt: int
    failed_at: datetime
    error_class: str
    message: str
    trace: str
    node: str | None
    pid: int | None
    exit_status: int | None
    signal: str | None
    wall_seconds: float | None = None  # of the run; None: not known
    cpu_seconds: float | None = None
    peak_rss_kib: int | None = None


class Job(msgspec.Struct, frozen=True):
    """A job's whole row, as shown by `job show` and `Client.get`."""

    id: UUID
    kind: str
    queue: str
    state: JobState
    priority: int
    attempt: int  # 0 until first claimed; +1 a claim; given back by snooze and drain
    max_attempts: int
    run_number: int  # runs begun so far, counted or not
    created_at: datetime
    scheduled_at: datetime  # when it may run (again)
    attempted_at: datetime | None  # the last claim
    finalized_at: datetime | None  # set if and only if the state is final
    cancel_requested_at: datetime | None
    timeout_seconds: float | None
    node: str | None  # the node that runs it
    args: Mapping[str, Any]
    output: Any
    metadata: Mapping[str, Any]
    tags: tuple[str, ...]
    key: str | None = None
    sequence: bool = False
    expires_at: datetime | None = None
    crashes: int = 0  # runs that ended with the death of their process
    wall_seconds: float | None = None  # of its last run; None: not known
    cpu_seconds: float | None = None
    peak_rss_kib: int | None = None
    cancel_reason: str | None = None  # what those who cancelled it gave as their reason
    paused_at: datetime | None = None  # held back since then, by `Client.pause_job`
    failures: tuple[FailureRow, ...] = ()  # newest first; empty in lists
