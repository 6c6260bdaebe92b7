"""Store.expire, and what an ack keeps of what a run used, and of its crashes."""

from __future__ import annotations

import pytest

from runtime.lifecycle import JobState, Run, decide
from runtime.outcome import Suspended
from tests.store.harness import OOPS, Bench, ack_of


async def test_a_waiting_job_past_its_deadline_is_discarded_and_the_others_are_not(
    bench: Bench,
) -> None:
    (late,) = await bench.add(expires_seconds=10.0, delay_seconds=60.0)
    (failed,) = await bench.add(expires_seconds=20.0)
    (running,) = await bench.add(expires_seconds=20.0, kind="other")
    (later,) = await bench.add(expires_seconds=1000.0)
    (never,) = await bench.add()
    node = await bench.node(lease_seconds=300)
    await bench.claim(node, kinds=["other"])
    (job, *_) = await bench.claim(node, 1)
    assert job.id == failed
    assert job.expires_seconds == pytest.approx(20.0, abs=5)
    await bench.store.ack([ack_of(job, JobState.RETRYABLE, delay_seconds=60.0, failure=OOPS)])
    bench.hands.wait_for(late)
    bench.hands.pass_time(30)

    assert await bench.store.expire(100) == 2
    assert await bench.store.expire(100) == 0

    states = [await bench.state(each) for each in (late, failed, running, later, never)]
    assert states == [
        JobState.DISCARDED,
        JobState.DISCARDED,
        JobState.RUNNING,
        JobState.AVAILABLE,
        JobState.AVAILABLE,
    ]
    shown = await bench.store.get(failed)
    assert [(each.error_class, each.run_number) for each in shown.failures] == [
        ("Expired", 2),
        ("ValueError", 1),
    ]
    assert shown.attempt == 1, "an attempt that it did not get is not counted"


async def test_no_more_are_discarded_at_once_than_the_limit_and_the_first_go_first(
    bench: Bench,
) -> None:
    ids = [(await bench.add(expires_seconds=seconds))[0] for seconds in (30.0, 10.0, 20.0)]
    bench.hands.pass_time(60)

    assert await bench.store.expire(2) == 2
    assert await bench.state(ids[0]) is JobState.AVAILABLE
    assert await bench.store.expire(2) == 1


async def test_a_leader_whose_term_is_over_discards_nothing(bench: Bench) -> None:
    await bench.add(expires_seconds=1.0)
    node = await bench.node(lease_seconds=300)
    term = await bench.store.elect(node, 10.0)
    bench.hands.pass_time(20)

    assert await bench.store.expire(100, term.number) == 0
    term = await bench.store.elect(node, 10.0)
    assert await bench.store.expire(100, term.number) == 1


async def test_a_job_past_its_deadline_that_is_retried_by_hand_has_none_any_more(
    bench: Bench,
) -> None:
    (job_id,) = await bench.add(expires_seconds=1.0)
    bench.hands.pass_time(20)
    await bench.store.expire(100)

    shown = await bench.store.retry(job_id)

    assert (shown.state, shown.expires_at) == (JobState.AVAILABLE, None)
    assert await bench.store.expire(100) == 0


async def test_a_workflow_that_waits_has_a_crash_budget_as_new(bench: Bench) -> None:
    await bench.add()
    node = await bench.node(lease_seconds=300)
    (job,) = await bench.claim(node)
    await bench.store.ack([ack_of(job, JobState.AVAILABLE, failure=OOPS, crashed=True)])
    (job,) = await bench.claim(node)
    assert job.crashes == 1
    run = Run(job.id, job.run_number, job.attempt, job.max_attempts, job.crashes)

    await bench.store.ack([decide(run, Suspended(0.0))])

    (job,) = await bench.claim(node)
    assert job.crashes == 0


async def test_crashes_are_counted_apart_from_attempts_and_a_retry_by_hand_forgets_them(
    bench: Bench,
) -> None:
    await bench.add()
    node = await bench.node(lease_seconds=300)
    for number in range(3):
        (job,) = await bench.claim(node)
        assert job.crashes == min(number, 1)
        await bench.store.ack([ack_of(job, JobState.AVAILABLE, failure=OOPS, crashed=number == 0)])

    shown = await bench.store.get(job.id)
    assert (shown.crashes, shown.attempt) == (1, 3)
    assert (await bench.store.retry(job.id)).crashes == 0


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.DISCARDED])
async def test_what_a_run_used_is_kept(bench: Bench, state: JobState) -> None:
    job = await bench.run_one()
    failure = None if state is JobState.COMPLETED else OOPS
    used = {"wall_seconds": 1.5, "cpu_seconds": 0.25, "peak_rss_kib": 70_000}

    await bench.store.ack([ack_of(job, state, failure=failure, **used)])

    shown = await bench.store.get(job.id)
    assert (shown.wall_seconds, shown.cpu_seconds, shown.peak_rss_kib) == (1.5, 0.25, 70_000)
    for each in shown.failures:
        assert (each.wall_seconds, each.cpu_seconds, each.peak_rss_kib) == (1.5, 0.25, 70_000)
