"""actors.store.guard: what the contract suite does not show."""

from __future__ import annotations

import logging
from uuid import UUID

import pytest

from actors.store.guard import Guard
from actors.store.protocol import RunRecords
from runtime.errors import PayloadTooLarge
from runtime.handler_options import LONGEST_SECONDS
from runtime.lifecycle import Ack, JobState
from runtime.outcome import Failure
from runtime.payload import PayloadLimits
from runtime.workflow.records import Refused, Spawn, StepRecord
from tests.store.harness import new_job

JOB = UUID(int=1)
SMALL = PayloadLimits(args_bytes=100, output_bytes=50, warn_bytes=20, failure_bytes=100)


def test_limits_are_configurable() -> None:
    guard = Guard(SMALL)

    guard.check_jobs([new_job(args='{"x":"' + "y" * 92 + '"}')])
    with pytest.raises(PayloadTooLarge, match="args of job 1 is 101 bytes"):
        guard.check_jobs([new_job(), new_job(args='{"x":"' + "y" * 93 + '"}')])


def test_a_warning_reaches_the_callback_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, int]] = []
    guard = Guard(SMALL, lambda field, size: told.append((field, size)))

    with caplog.at_level(logging.WARNING):
        guard.check_jobs([new_job(kind="wide", args='{"x":"' + "y" * 20 + '"}')])

    assert told == [("args", 28)]
    assert caplog.messages == ["args of wide: 28 bytes of JSON; the limit is 100"]


def test_an_ack_that_can_be_kept_is_not_touched() -> None:
    acks = [
        Ack(JOB, 1, JobState.COMPLETED, output="7"),
        Ack(JOB, 1, JobState.RETRYABLE, 5.0, failure=Failure("E", "short", "trace")),
    ]

    assert Guard().checked_acks(acks) == acks


def test_an_output_over_the_limit_becomes_a_discarded_run() -> None:
    (ack,) = Guard(SMALL).checked_acks([Ack(JOB, 3, JobState.COMPLETED, output="1" * 51)])

    assert (ack.id, ack.run_number, ack.state, ack.output) == (JOB, 3, JobState.DISCARDED, None)
    assert ack.failure is not None
    assert ack.failure.error_class == "PayloadTooLarge"


def test_all_texts_of_a_failure_are_bounded() -> None:
    failure = Failure("E" * 5_000, "m" * 5_000, "t" * 5_000, pid=5, signal="SIGKILL")
    (ack,) = Guard(SMALL).checked_acks([Ack(JOB, 1, JobState.DISCARDED, failure=failure)])

    assert ack.failure is not None
    assert len(ack.failure.error_class) <= 1_024
    assert len(ack.failure.message) <= 100
    assert len(ack.failure.trace) <= 100
    assert (ack.failure.pid, ack.failure.signal) == (5, "SIGKILL")


def test_a_delay_is_bounded() -> None:
    (ack,) = Guard().checked_acks([Ack(JOB, 1, JobState.SCHEDULED, 1e300, counted=False)])

    assert (ack.delay_seconds, ack.counted) == (LONGEST_SECONDS, False)


def test_a_child_that_is_too_large_is_named_by_its_step_and_item() -> None:
    guard = Guard(PayloadLimits(args_bytes=20))
    jobs = (new_job(), new_job(args='{"a":"' + "x" * 20 + '"}'))
    ask = Spawn(StepRecord("4", "map", "pack", done=False), jobs, first=1000)
    refused = guard.refused_records(RunRecords(UUID(int=1), 1, ask))
    assert isinstance(refused, Refused)
    assert refused.kind == "too_large"
    assert refused.message.startswith("args of child 'pack' (4), item 1001 is 28 bytes of JSON")
