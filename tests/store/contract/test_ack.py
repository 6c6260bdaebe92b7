"""Store.ack: outcomes are written once, in batches, behind the fence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runtime.ids import uuid7
from runtime.lifecycle import Ack, JobState
from runtime.outcome import Failure
from runtime.payload import KIB, MIB
from tests.store.harness import OOPS, Bench, ack_of


async def test_a_completed_run_leaves_its_output(bench: Bench) -> None:
    job = await bench.run_one()

    acked = await bench.store.ack([ack_of(job, output='{"size":[640,480],"ok":null}')])

    assert (acked.written, acked.stale) == (1, ())
    shown = await bench.store.get(job.id)
    assert shown.state is JobState.COMPLETED
    assert shown.output == {"size": [640, 480], "ok": None}
    assert shown.finalized_at is not None
    assert (shown.node, shown.attempt, shown.failures) == (None, 1, ())


async def test_no_output_is_none(bench: Bench) -> None:
    job_id = await bench.finish()

    assert (await bench.store.get(job_id)).output is None


async def test_a_failed_run_leaves_its_failure_and_waits(bench: Bench) -> None:
    await bench.add()
    (job,) = await bench.claim(await bench.node(name="there:9"))
    failure = Failure("Died", "segfault", "stack", pid=77, exit_status=None, signal="SIGSEGV")

    acked = await bench.store.ack(
        [ack_of(job, JobState.RETRYABLE, delay_seconds=16.0, failure=failure)]
    )

    assert (acked.written, acked.retried, acked.next_due_seconds) == (1, 1, 16.0)
    shown = await bench.store.get(job.id)
    assert (shown.state, shown.attempt, shown.finalized_at) == (JobState.RETRYABLE, 1, None)
    assert shown.attempted_at is not None
    assert shown.scheduled_at - shown.attempted_at >= timedelta(seconds=16)
    (row,) = shown.failures
    assert (row.error_class, row.message, row.trace) == ("Died", "segfault", "stack")
    assert (row.run_number, row.attempt, row.node) == (1, 1, "there:9")
    assert (row.pid, row.exit_status, row.signal) == (77, None, "SIGSEGV")


async def test_failures_are_shown_newest_first(bench: Bench) -> None:
    await bench.add()
    node = await bench.node()
    for number in range(1, 4):
        (job,) = await bench.claim(node)
        await bench.store.ack(
            [ack_of(job, JobState.AVAILABLE, failure=Failure("Error", f"number {number}"))]
        )

    failures = (await bench.store.get(job.id)).failures

    assert [row.message for row in failures] == ["number 3", "number 2", "number 1"]
    assert [row.attempt for row in failures] == [3, 2, 1]


@pytest.mark.parametrize("state", [JobState.DISCARDED, JobState.CANCELLED])
async def test_a_run_given_up_is_final(bench: Bench, state: JobState) -> None:
    job = await bench.run_one()

    acked = await bench.store.ack([ack_of(job, state, failure=OOPS)])

    assert acked.discarded == (state is JobState.DISCARDED)
    assert acked.cancelled == (state is JobState.CANCELLED)
    shown = await bench.store.get(job.id)
    assert (shown.state, shown.attempt) == (state, 1)
    assert shown.finalized_at is not None
    assert [row.error_class for row in shown.failures] == ["ValueError"]


async def test_a_snooze_is_not_counted(bench: Bench) -> None:
    job = await bench.run_one()

    acked = await bench.store.ack(
        [ack_of(job, JobState.SCHEDULED, delay_seconds=5.0, counted=False)]
    )

    assert (acked.written, acked.retried, acked.next_due_seconds) == (1, 0, 5.0)
    shown = await bench.store.get(job.id)
    assert (shown.state, shown.attempt, shown.run_number) == (JobState.SCHEDULED, 0, 1)
    assert shown.failures == ()


async def test_a_run_given_back_keeps_its_place_in_the_queue(bench: Bench) -> None:
    """A run snoozed for no time goes behind those that wait."""
    first, second, *_ = await bench.add(4)
    node = await bench.node()
    given_back, snoozed = await bench.claim(node, 2)
    assert (given_back.id, snoozed.id) == (first, second)
    bench.hands.pass_time(1)

    await bench.store.ack(
        [
            ack_of(given_back, JobState.AVAILABLE, delay_seconds=None, counted=False),
            ack_of(snoozed, JobState.AVAILABLE, delay_seconds=0.0, counted=False),
        ]
    )

    again = [job.id for job in await bench.claim(node)]
    assert (again[0], again[-1]) == (first, second)


async def test_a_run_given_back_is_available_at_once_and_uncounted(bench: Bench) -> None:
    job = await bench.run_one()

    await bench.store.ack([ack_of(job, JobState.AVAILABLE, counted=False)])

    (again,) = await bench.claim(await bench.node())
    assert (again.id, again.run_number, again.attempt) == (job.id, 2, 1)


async def test_a_run_may_end_in_waiting(bench: Bench) -> None:
    job = await bench.run_one()

    await bench.store.ack([ack_of(job, JobState.PENDING)])

    assert await bench.state(job.id) is JobState.PENDING


async def test_a_late_outcome_changes_nothing_and_is_counted(bench: Bench) -> None:
    job = await bench.run_one()
    await bench.store.release([(job.id, job.run_number)])
    (second,) = await bench.claim(await bench.node())

    acked = await bench.store.ack([ack_of(job, output="1")])

    assert (acked.written, acked.stale) == (0, ((job.id, 1),))
    shown = await bench.store.get(job.id)
    assert (shown.state, shown.run_number, shown.output) == (JobState.RUNNING, 2, None)
    assert (await bench.store.ack([ack_of(second)])).written == 1


async def test_a_doubled_outcome_is_written_once(bench: Bench) -> None:
    job = await bench.run_one()
    ack = ack_of(job, output="1")

    first = await bench.store.ack([ack])
    second = await bench.store.ack([ack_of(job, JobState.DISCARDED, failure=OOPS)])

    assert (first.written, second.written, second.stale) == (1, 0, ((job.id, 1),))
    shown = await bench.store.get(job.id)
    assert (shown.state, shown.output, shown.failures) == (JobState.COMPLETED, 1, ())


@pytest.mark.parametrize("second", [JobState.COMPLETED, JobState.DISCARDED])
async def test_of_two_outcomes_of_a_run_in_one_batch_the_first_is_written(
    bench: Bench, second: JobState
) -> None:
    job = await bench.run_one()

    acked = await bench.store.ack(
        [ack_of(job, output="1", failure=None), ack_of(job, second, failure=None)]
    )

    assert (acked.written, acked.stale) == (1, ((job.id, 1),))
    shown = await bench.store.get(job.id)
    assert (shown.state, shown.output) == (JobState.COMPLETED, 1)


async def test_a_failure_twice_in_one_batch_is_kept_once(bench: Bench) -> None:
    job = await bench.run_one()

    acked = await bench.store.ack([ack_of(job, JobState.DISCARDED, failure=OOPS)] * 2)

    assert (acked.written, acked.discarded, acked.stale) == (1, 1, ((job.id, 1),))
    assert len((await bench.store.get(job.id)).failures) == 1


async def test_the_outcome_of_a_job_that_is_gone_is_stale(bench: Bench) -> None:
    gone = uuid7()

    acked = await bench.store.ack([Ack(gone, 1, JobState.COMPLETED)])

    assert (acked.written, acked.stale) == (0, ((gone, 1),))


async def test_a_batch_of_all_outcomes_is_written_whole(bench: Bench) -> None:
    await bench.add(6)
    done, failed, again, snoozed, given_up, late = await bench.claim(await bench.node())

    acked = await bench.store.ack(
        [
            ack_of(snoozed, JobState.SCHEDULED, delay_seconds=30.0, counted=False),
            Ack(late.id, late.run_number + 1, JobState.COMPLETED),
            ack_of(failed, JobState.RETRYABLE, delay_seconds=20.0, failure=OOPS),
            ack_of(done, output='"out"'),
            ack_of(again, JobState.AVAILABLE, failure=OOPS),
            ack_of(given_up, JobState.DISCARDED, failure=OOPS),
        ]
    )

    assert (acked.written, acked.stale) == (5, ((late.id, 2),))
    assert (acked.retried, acked.discarded, acked.cancelled) == (2, 1, 0)
    assert acked.next_due_seconds == 20.0
    states = [await bench.state(job.id) for job in (done, failed, again, snoozed, given_up, late)]
    assert states == [
        JobState.COMPLETED,
        JobState.RETRYABLE,
        JobState.AVAILABLE,
        JobState.SCHEDULED,
        JobState.DISCARDED,
        JobState.RUNNING,
    ]
    assert (await bench.store.get(done.id)).output == "out"


async def test_acking_nothing_is_nothing(bench: Bench) -> None:
    assert (await bench.store.ack([])).written == 0


async def test_a_thousand_completions_are_one_batch(bench: Bench) -> None:
    await bench.add(1_000)
    jobs = await bench.claim(await bench.node(), places=1_000)

    acked = await bench.store.ack([ack_of(job, output="1") for job in jobs])

    assert (acked.written, acked.stale) == (1_000, ())


@pytest.mark.parametrize(
    ("state", "counted"),
    [
        (JobState.AVAILABLE, False),
        (JobState.SCHEDULED, False),
        (JobState.RETRYABLE, True),
        (JobState.PENDING, True),
    ],
)
async def test_a_job_cancelled_while_it_ran_does_not_run_again(
    bench: Bench, state: JobState, counted: bool
) -> None:
    job = await bench.run_one()
    await bench.store.cancel(job.id)

    acked = await bench.store.ack([ack_of(job, state, delay_seconds=9.0, counted=counted)])

    assert (acked.written, acked.cancelled, acked.retried) == (1, 1, 0)
    assert acked.next_due_seconds is None
    shown = await bench.store.get(job.id)
    assert shown.state is JobState.CANCELLED
    assert shown.finalized_at is not None


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.DISCARDED])
async def test_a_cancelled_job_stays_cancelled_however_its_run_ends(
    bench: Bench, state: JobState
) -> None:
    await bench.add(2)
    job, other = await bench.claim(await bench.node())
    await bench.store.cancel(job.id, "no longer wanted")

    failure = OOPS if state is JobState.DISCARDED else None
    acked = await bench.store.ack([ack_of(each, state, failure=failure) for each in (job, other)])

    assert (acked.written, acked.cancelled) == (2, 1)
    assert acked.discarded == (state is JobState.DISCARDED)
    shown = await bench.store.get(job.id)
    assert (shown.state, shown.cancel_reason) == (JobState.CANCELLED, "no longer wanted")
    assert await bench.state(other.id) is state


async def test_an_output_over_the_limit_discards_its_job_once(bench: Bench) -> None:
    await bench.add(2)
    large, small = await bench.claim(await bench.node())
    output = '"' + "y" * (2 * MIB) + '"'

    acked = await bench.store.ack([ack_of(large, output=output), ack_of(small, output="1")])

    assert (acked.written, acked.discarded, acked.retried) == (2, 1, 0)
    shown = await bench.store.get(large.id)
    assert (shown.state, shown.output) == (JobState.DISCARDED, None)
    (failure,) = shown.failures
    assert failure.error_class == "PayloadTooLarge"
    assert "output is 2,097,154 bytes" in failure.message
    assert await bench.state(small.id) is JobState.COMPLETED


async def test_a_large_output_is_written_with_a_warning(bench: Bench) -> None:
    job = await bench.run_one()

    await bench.store.ack([ack_of(job, output='"' + "y" * MIB + '"')])

    assert await bench.state(job.id) is JobState.COMPLETED
    assert bench.warnings == [("output", MIB + 2)]


@pytest.mark.parametrize("output", ['"a\\u0000b"', "{nonsense", '"\ud800"', "[1,"])
async def test_an_output_that_is_no_json_discards_its_own_job_alone(
    bench: Bench, output: str
) -> None:
    await bench.add(3)
    first, bad, last = await bench.claim(await bench.node())

    acked = await bench.store.ack(
        [ack_of(first), ack_of(bad, output=output), ack_of(last, output="7")]
    )

    assert (acked.written, acked.discarded, acked.stale) == (3, 1, ())
    shown = await bench.store.get(bad.id)
    assert shown.state is JobState.DISCARDED
    assert [row.error_class for row in shown.failures] == ["PayloadInvalid"]
    assert (await bench.store.get(last.id)).output == 7


async def test_texts_of_a_failure_are_cut_with_a_note(bench: Bench) -> None:
    job = await bench.run_one()
    failure = Failure("Error", "é" * 64 * KIB, "begin" + "x" * 200 * KIB + "the end")

    await bench.store.ack([ack_of(job, JobState.DISCARDED, failure=failure)])

    (row,) = (await bench.store.get(job.id)).failures
    assert len(row.message.encode()) <= 64 * KIB
    assert "bytes cut" in row.message
    assert len(row.trace) <= 64 * KIB
    assert row.trace.startswith("begin")
    assert row.trace.endswith("the end")


async def test_a_failure_may_hold_any_characters(bench: Bench) -> None:
    job = await bench.run_one()
    failure = Failure("Error", "a\0b \ud800 ü", "\0")

    await bench.store.ack([ack_of(job, JobState.DISCARDED, failure=failure)])

    (row,) = (await bench.store.get(job.id)).failures
    assert (row.message, row.trace) == ("a\\x00b \\ud800 ü", "\\x00")


async def test_a_delay_beyond_all_bounds_is_a_hundred_years(bench: Bench) -> None:
    job = await bench.run_one()

    await bench.store.ack([ack_of(job, JobState.SCHEDULED, delay_seconds=1e300, counted=False)])

    shown = await bench.store.get(job.id)
    assert shown.attempted_at is not None
    assert shown.scheduled_at - shown.attempted_at > timedelta(days=36_500)


async def test_the_output_of_a_job_that_is_retried_by_hand_goes(bench: Bench) -> None:
    job = await bench.run_one()
    await bench.store.ack([ack_of(job, output="1")])

    shown = await bench.store.retry(job.id)

    assert shown.output is None
