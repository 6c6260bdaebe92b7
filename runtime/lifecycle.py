"""The one table of a job's states and transitions, and what becomes of a job when a run ends.

Rule 1: no other module decides a state. SQL carries these decisions out and has three of its own,
because only the database knows of such requests in time. A job whose cancellation was requested
while it ran becomes `cancelled`, whatever its run has come to. A workflow that cleans up becomes
that when it has: until then its runs lead where they lead, and to `available` the one that was
interrupted. A paused job waits as `pending`, unless its run was its end.
Rule 2: pure; no clock, no dice. Delays are seconds that SQL adds to its own now().
Rule 3: the states are River's, to the letter.
"""

from __future__ import annotations

from enum import Enum
from typing import assert_never
from uuid import UUID

import msgspec

from runtime.backoff import DEFAULT_BACKOFF, Backoff
from runtime.outcome import (
    Cancelled,
    Completed,
    Discarded,
    Failed,
    Failure,
    GivenBack,
    Outcome,
    Snoozed,
    Suspended,
)


class JobState(Enum):
    """River's eight states. `final` ones are left only by `retry` and `delete`."""

    AVAILABLE = "available"  # may be claimed now
    SCHEDULED = "scheduled"  # may be claimed from scheduled_at on
    PENDING = "pending"  # waits for a signal or for child jobs
    RUNNING = "running"  # claimed by a node, under its lease
    RETRYABLE = "retryable"  # failed; may be claimed again from scheduled_at on
    COMPLETED = "completed"  # its handler returned
    CANCELLED = "cancelled"  # stopped on request
    DISCARDED = "discarded"  # given up

    @property
    def final(self) -> bool:
        return self in FINAL_STATES


# So many runs of a job may kill their process: one may be bad luck, a third is a habit.
DEFAULT_MAX_CRASHES = 3
# Error classes: of the death that used up a job's crash budget; of a job past its deadline.
QUARANTINED = "Quarantined"
EXPIRED = "Expired"

FINAL_STATES = frozenset({JobState.COMPLETED, JobState.CANCELLED, JobState.DISCARDED})
INITIAL_STATES = frozenset({JobState.AVAILABLE, JobState.SCHEDULED, JobState.PENDING})

_A, _S, _P, _RUN, _RETRY = (
    JobState.AVAILABLE,
    JobState.SCHEDULED,
    JobState.PENDING,
    JobState.RUNNING,
    JobState.RETRYABLE,
)
_COMP, _CANC, _DISC = JobState.COMPLETED, JobState.CANCELLED, JobState.DISCARDED
# A workflow in these may have been sent meanwhile what it waits for, or may have children that are
# no longer wanted.
_LOOKED_AT = frozenset({_S, _P, _CANC, _DISC})

# (from, to): the word for it. The README's picture is drawn from this table.
TRANSITIONS: dict[tuple[JobState, JobState], str] = {
    (_A, _RUN): "claim",
    (_S, _A): "stage",
    (_RETRY, _A): "stage",
    (_A, _S): "reschedule",
    (_RETRY, _S): "reschedule",
    (_P, _A): "wake",
    (_P, _S): "wake",
    (_A, _P): "pause",
    (_S, _P): "pause",
    (_RETRY, _P): "pause",
    (_P, _RETRY): "resume",
    (_P, _COMP): "end",  # a graph's root, with its last job; or it is discarded: see `expire`
    (_RUN, _COMP): "complete",
    (_RUN, _RETRY): "fail",
    (_RUN, _DISC): "discard",
    (_RUN, _CANC): "cancel",
    (_RUN, _S): "snooze",
    (_RUN, _A): "give back",
    (_RUN, _P): "wait",
    (_A, _CANC): "cancel",
    (_S, _CANC): "cancel",
    (_P, _CANC): "cancel",
    (_RETRY, _CANC): "cancel",
    (_A, _DISC): "expire",
    (_S, _DISC): "expire",
    (_P, _DISC): "expire",
    (_RETRY, _DISC): "expire",
    (_COMP, _A): "retry",
    (_COMP, _P): "retry",
    (_CANC, _P): "retry",
    (_DISC, _P): "retry",
    (_CANC, _A): "retry",
    (_DISC, _A): "retry",
}


class Ack(msgspec.Struct, frozen=True, gc=False):
    """What the Store writes for one run's outcome, if the run is still the job's current one.

    Attributes: id and run_number, the fence; state, the next one; delay_seconds from the database's
    now() to scheduled_at, or None: the job keeps its place in the queue; counted, False if the
    attempt is given back; output as JSON text; failure to be kept; crashed, whether the run is
    charged to the job's crash budget, None: which is as new, since a workflow has got further; what
    the run used, None where that is not known (see `runtime.child.meter`); look, whether somebody
    may wait for what the database does with it: for once it is written, see `Store.wake`.
    """

    id: UUID
    run_number: int
    state: JobState
    delay_seconds: float | None = 0.0
    counted: bool = True
    output: str | None = None
    failure: Failure | None = None
    crashed: bool | None = False
    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    peak_rss_kib: int | None = None
    look: bool = False


class Run(msgspec.Struct, frozen=True, gc=False):
    """What `decide` needs to know of a run. What it used is for the record only."""

    id: UUID
    run_number: int
    attempt: int
    max_attempts: int
    crashes: int = 0  # of earlier runs
    max_crashes: int = DEFAULT_MAX_CRASHES
    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    peak_rss_kib: int | None = None
    workflow: bool = False  # it has used durable steps


def decide(
    run: Run, outcome: Outcome, backoff: Backoff = DEFAULT_BACKOFF, spread: float = 0.0
) -> Ack:
    """The next state of a running job. Total over outcomes; pure.

    Args: backoff: the handler's policy. spread: in [-1, 1], the dice for its jitter.
    """
    match outcome:
        case Completed(output):
            return completed(
                run.id, run.run_number, output, run.wall_seconds, run.cpu_seconds, run.peak_rss_kib
            )
        case Failed():
            return _after_failure(run, outcome, backoff, spread)
        case Snoozed(seconds, failure):
            state = _S if seconds > 0 else _A
            return _ack(run, state, failure, delay_seconds=seconds, counted=False)
        case Discarded(failure):
            return _ack(run, _DISC, failure)
        case Cancelled(failure):
            return _ack(run, _CANC, failure)
        case Suspended():
            return _suspended(run, outcome.seconds)
        case GivenBack():
            return _ack(run, _A, delay_seconds=None, counted=False)
    assert_never(outcome)


def _suspended(run: Run, seconds: float | None) -> Ack:
    """A workflow waits for so long, or for what comes at no known time (None).

    Without a time, or where that has come, it keeps its place: it goes on before newer work.
    """
    if seconds is None:
        return _ack(run, _P, delay_seconds=None, counted=False, crashed=None)
    if seconds <= 0:
        return _ack(run, _A, delay_seconds=None, counted=False, crashed=None)
    return _ack(run, _S, delay_seconds=seconds, counted=False, crashed=None)


def completed(
    job_id: UUID,
    run_number: int,
    output: str | None,
    wall_seconds: float | None,
    cpu_seconds: float | None,
    peak_rss_kib: int | None,
) -> Ack:
    """What `decide` says of Completed, for those who have nothing else to decide."""
    return Ack(
        job_id,
        run_number,
        _COMP,
        output=output,
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
        peak_rss_kib=peak_rss_kib,
    )


def _after_failure(run: Run, failed: Failed, backoff: Backoff, spread: float) -> Ack:
    failure, delay, crashed = failed.failure, failed.delay_seconds, failed.crashed
    if crashed and run.crashes + 1 >= run.max_crashes:
        return _ack(run, _DISC, _quarantined(run, failure), crashed=True)
    if run.attempt >= run.max_attempts:
        return _ack(run, _DISC, failure, crashed=crashed)
    seconds = backoff.delay_seconds(run.attempt, spread) if delay is None else max(0.0, delay)
    state = _RETRY if seconds > 0 else _A
    return _ack(run, state, failure, delay_seconds=seconds, crashed=crashed)


def _quarantined(run: Run, failure: Failure) -> Failure:
    """The death that used up a crash budget, with that told."""
    message = (
        f"{run.crashes + 1} of its runs have killed their process (max_crashes is "
        f"{run.max_crashes}); the last: {failure.error_class}: {failure.message}"
    )
    return msgspec.structs.replace(failure, error_class=QUARANTINED, message=message)


def _ack(
    run: Run,
    state: JobState,
    failure: Failure | None = None,
    *,
    delay_seconds: float | None = 0.0,
    counted: bool = True,
    output: str | None = None,
    crashed: bool | None = False,
) -> Ack:
    return Ack(
        run.id,
        run.run_number,
        state,
        delay_seconds,
        counted,
        output,
        failure,
        crashed,
        run.wall_seconds,
        run.cpu_seconds,
        run.peak_rss_kib,
        run.workflow and state in _LOOKED_AT,
    )
