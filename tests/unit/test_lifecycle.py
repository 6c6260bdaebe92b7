"""runtime.lifecycle: the table of transitions, and what becomes of a job when a run ends."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.backoff import Backoff, constant
from runtime.lifecycle import (
    FINAL_STATES,
    INITIAL_STATES,
    TRANSITIONS,
    JobState,
    Run,
    decide,
)
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

OOPS = Failure("ValueError", "oops")

runs = st.builds(
    Run,
    id=st.uuids(),
    run_number=st.integers(1, 2**31 - 1),
    attempt=st.integers(1, 32_000),
    max_attempts=st.integers(1, 32_000),
)
_seconds = st.floats(0, 1e9)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Completed, st.none() | st.just('"output"')),
    st.builds(Failed, st.just(OOPS), st.none() | _seconds),
    st.builds(Snoozed, _seconds),
    st.builds(Discarded, st.just(OOPS)),
    st.builds(Cancelled, st.just(OOPS)),
    st.builds(GivenBack, st.text()),
    st.builds(Suspended, st.none() | _seconds),
)


def a_run(attempt: int = 1, max_attempts: int = 3) -> Run:
    return Run(UUID(int=1), 5, attempt, max_attempts)


def test_there_are_rivers_eight_states() -> None:
    assert {state.value for state in JobState} == {
        "available",
        "scheduled",
        "pending",
        "running",
        "retryable",
        "completed",
        "cancelled",
        "discarded",
    }


def test_final_states_are_left_by_hand_alone() -> None:
    words = {word for (before, _), word in TRANSITIONS.items() if before in FINAL_STATES}

    assert words == {"retry"}
    assert {state for state in JobState if state.final} == FINAL_STATES


def test_a_job_runs_only_when_it_was_available() -> None:
    assert [before for before, after in TRANSITIONS if after is JobState.RUNNING] == [
        JobState.AVAILABLE
    ]


def test_every_state_can_be_reached_and_every_unfinished_one_be_cancelled() -> None:
    reached = set(INITIAL_STATES)
    while new := {to for before, to in TRANSITIONS if before in reached} - reached:
        reached |= new

    assert reached == set(JobState)
    for state in set(JobState) - FINAL_STATES:
        assert TRANSITIONS[state, JobState.CANCELLED] == "cancel"


@given(runs, outcomes, st.floats(-1, 1))
def test_every_outcome_leads_along_the_table(run: Run, outcome: Outcome, spread: float) -> None:
    ack = decide(run, outcome, spread=spread)

    assert (JobState.RUNNING, ack.state) in TRANSITIONS
    assert (ack.id, ack.run_number) == (run.id, run.run_number)
    delay_seconds = ack.delay_seconds or 0.0  # None: it keeps its place in the queue
    assert delay_seconds >= 0
    assert (delay_seconds > 0) == (ack.state in (JobState.SCHEDULED, JobState.RETRYABLE))


@given(runs, outcomes)
def test_only_snoozes_suspensions_and_runs_given_back_are_not_counted(
    run: Run, outcome: Outcome
) -> None:
    ack = decide(run, outcome)

    assert ack.counted is not isinstance(outcome, Snoozed | Suspended | GivenBack)


@given(runs, outcomes)
def test_a_failure_is_kept_and_an_output_is_kept(run: Run, outcome: Outcome) -> None:
    ack = decide(run, outcome)

    assert ack.failure == getattr(outcome, "failure", None)
    assert ack.output == getattr(outcome, "output", None)


@given(runs)
def test_a_job_fails_no_more_often_than_it_may(run: Run) -> None:
    ack = decide(run, Failed(OOPS))

    assert (ack.state is JobState.DISCARDED) is (run.attempt >= run.max_attempts)


def test_a_completed_run_completes_its_job() -> None:
    ack = decide(a_run(), Completed("7"))

    assert (ack.state, ack.output, ack.failure) == (JobState.COMPLETED, "7", None)


def test_a_failed_run_waits_as_its_policy_says() -> None:
    ack = decide(a_run(attempt=2), Failed(OOPS), Backoff(jitter=0.5), 1.0)

    assert (ack.state, ack.delay_seconds, ack.failure) == (JobState.RETRYABLE, 24.0, OOPS)


def test_a_handlers_own_delay_goes_before_the_policy() -> None:
    ack = decide(a_run(), Failed(OOPS, 2.5), constant(100))

    assert (ack.state, ack.delay_seconds) == (JobState.RETRYABLE, 2.5)


@pytest.mark.parametrize("delay", [0.0, -1.0])
def test_a_failed_run_without_delay_is_available_at_once(delay: float) -> None:
    ack = decide(a_run(), Failed(OOPS, delay))

    assert (ack.state, ack.delay_seconds, ack.counted) == (JobState.AVAILABLE, 0.0, True)


def test_a_snoozed_job_is_scheduled() -> None:
    ack = decide(a_run(), Snoozed(60.0))

    assert (ack.state, ack.delay_seconds, ack.counted) == (JobState.SCHEDULED, 60.0, False)


def test_a_snooze_of_nothing_is_available_at_once() -> None:
    assert decide(a_run(), Snoozed(0.0)).state is JobState.AVAILABLE


def test_a_snooze_of_the_last_attempt_does_not_give_up() -> None:
    assert decide(a_run(attempt=3), Snoozed(1.0)).state is JobState.SCHEDULED


def test_given_up_and_cancelled_runs_end_their_jobs_with_a_reason() -> None:
    discarded, cancelled = decide(a_run(), Discarded(OOPS)), decide(a_run(), Cancelled(OOPS))

    assert (discarded.state, discarded.failure) == (JobState.DISCARDED, OOPS)
    assert (cancelled.state, cancelled.failure) == (JobState.CANCELLED, OOPS)


def test_a_run_given_back_is_available_and_not_counted() -> None:
    ack = decide(a_run(attempt=3), GivenBack("drain"))

    assert (ack.state, ack.counted, ack.failure) == (JobState.AVAILABLE, False, None)
    assert ack.delay_seconds is None, "it keeps its place in the queue"


def test_a_workflow_that_waits_is_scheduled_if_it_knows_for_how_long() -> None:
    ack = decide(a_run(attempt=3), Suspended(60.0))

    assert (ack.state, ack.delay_seconds, ack.counted) == (JobState.SCHEDULED, 60.0, False)


def test_a_workflow_that_waits_for_a_signal_is_pending_and_keeps_its_place() -> None:
    ack = decide(a_run(attempt=3), Suspended(None))

    assert (ack.state, ack.delay_seconds, ack.counted) == (JobState.PENDING, None, False)


def test_a_workflow_whose_wait_is_over_goes_on_at_once() -> None:
    assert decide(a_run(), Suspended(0.0)).state is JobState.AVAILABLE


def test_whoever_may_have_missed_something_is_looked_at() -> None:
    """A workflow that waits, and one whose children nobody wants any more. No plain job is."""
    workflow = Run(UUID(int=1), 5, 1, 3, workflow=True)
    looked_at: list[Outcome] = [Suspended(), Suspended(5.0), Cancelled(OOPS), Discarded(OOPS)]

    assert all(decide(workflow, outcome).look for outcome in looked_at)
    assert not any(decide(a_run(), outcome).look for outcome in looked_at)
    assert not decide(workflow, Completed("7")).look
