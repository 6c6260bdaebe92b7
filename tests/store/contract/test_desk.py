"""What people ask for: cancel, retry, delete, get, jobs, counts, queues, pause, resume, check."""

from __future__ import annotations

import pytest

from actors.store.protocol import Demand
from runtime.errors import JobNotFound
from runtime.ids import uuid7
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState
from tests.store.harness import OOPS, Bench, ack_of, node_info


async def test_a_waiting_job_is_cancelled_at_once(bench: Bench) -> None:
    (available,) = await bench.add()
    (scheduled,) = await bench.add(delay_seconds=60.0)

    for job_id in (available, scheduled):
        job = await bench.store.cancel(job_id)

        assert job.state is JobState.CANCELLED
        assert job.finalized_at is not None
    assert await bench.claim(await bench.node()) == []


async def test_a_retryable_and_a_pending_job_are_cancelled_at_once(bench: Bench) -> None:
    for state in (JobState.RETRYABLE, JobState.PENDING):
        job = await bench.run_one()
        await bench.store.ack([ack_of(job, state, delay_seconds=60)])

        assert (await bench.store.cancel(job.id)).state is JobState.CANCELLED


async def test_a_running_job_is_asked_to_stop(bench: Bench) -> None:
    await bench.add(2)
    node = await bench.node()
    job, _ = await bench.claim(node)

    shown = await bench.store.cancel(job.id)

    assert shown.state is JobState.RUNNING
    assert shown.cancel_requested_at is not None
    assert await bench.store.awaiting_cancel(node) == {job.id: None}
    assert await bench.store.awaiting_cancel(987_654) == {}


async def test_asking_twice_keeps_the_first_time(bench: Bench) -> None:
    job = await bench.run_one()
    first = await bench.store.cancel(job.id)

    second = await bench.store.cancel(job.id)

    assert second.cancel_requested_at == first.cancel_requested_at


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.DISCARDED, JobState.CANCELLED])
async def test_cancelling_a_final_job_leaves_it_as_it_is(bench: Bench, state: JobState) -> None:
    job_id = await bench.finish(state)
    before = await bench.store.get(job_id)

    assert await bench.store.cancel(job_id) == before


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.DISCARDED, JobState.CANCELLED])
async def test_a_final_job_can_be_retried(bench: Bench, state: JobState) -> None:
    job_id = await bench.finish(state)

    job = await bench.store.retry(job_id)

    assert (job.state, job.finalized_at, job.output) == (JobState.AVAILABLE, None, None)
    assert job.scheduled_at >= job.created_at
    (claimed,) = await bench.claim(await bench.node())
    assert (claimed.id, claimed.run_number, claimed.attempt) == (job_id, 2, 2)


async def test_retrying_gives_one_more_attempt_if_all_were_used(bench: Bench) -> None:
    job = await bench.run_one(max_attempts=1)
    await bench.store.ack([ack_of(job, JobState.DISCARDED, failure=OOPS)])

    shown = await bench.store.retry(job.id)

    assert (shown.attempt, shown.max_attempts) == (1, 2)
    assert len(shown.failures) == 1


async def test_retrying_keeps_the_attempts_if_some_are_left(bench: Bench) -> None:
    job_id = await bench.finish(JobState.CANCELLED, max_attempts=5)

    assert (await bench.store.retry(job_id)).max_attempts == 5


async def test_retrying_forgets_a_request_to_cancel(bench: Bench) -> None:
    job = await bench.run_one()
    await bench.store.cancel(job.id)
    await bench.store.release([(job.id, job.run_number)])

    shown = await bench.store.retry(job.id)

    assert (shown.state, shown.cancel_requested_at) == (JobState.AVAILABLE, None)


async def test_a_scheduled_job_can_be_hurried(bench: Bench) -> None:
    (job_id,) = await bench.add(delay_seconds=1_000.0)

    await bench.store.retry(job_id)

    (claimed,) = await bench.claim(await bench.node())
    assert claimed.id == job_id
    assert claimed.wait_seconds < 60


async def test_retrying_an_available_job_keeps_its_place(bench: Bench) -> None:
    first, second = await bench.add(2)
    bench.hands.pass_time(5)

    await bench.store.retry(first)

    assert [job.id for job in await bench.claim(await bench.node())] == [first, second]


async def test_a_running_job_is_not_retried(bench: Bench) -> None:
    job = await bench.run_one()

    assert (await bench.store.retry(job.id)).state is JobState.RUNNING

    assert (await bench.store.ack([ack_of(job)])).written == 1


async def test_a_job_is_deleted_with_its_failures(bench: Bench) -> None:
    job = await bench.run_one()
    await bench.store.ack([ack_of(job, JobState.DISCARDED, failure=OOPS)])

    assert await bench.store.delete(job.id)

    with pytest.raises(JobNotFound):
        await bench.store.get(job.id)


async def test_a_running_job_is_not_deleted(bench: Bench) -> None:
    job = await bench.run_one()

    assert not await bench.store.delete(job.id)

    assert await bench.state(job.id) is JobState.RUNNING


async def test_a_job_that_is_not_there_is_not_found(bench: Bench) -> None:
    nobody = uuid7()
    for ask in (bench.store.get, bench.store.cancel, bench.store.retry, bench.store.delete):
        with pytest.raises(JobNotFound) as caught:
            await ask(nobody)
        assert caught.value.job_id == nobody


async def test_jobs_are_listed_newest_first_page_by_page(bench: Bench) -> None:
    ids = await bench.add(5)

    first = await bench.store.jobs(JobFilter(), limit=3)
    rest = await bench.store.jobs(JobFilter(), limit=3, before=first[-1].id)

    assert [job.id for job in first] == ids[:1:-1]
    assert [job.id for job in rest] == ids[1::-1]


async def test_a_list_holds_what_fits_all_of_the_filter(bench: Bench) -> None:
    await bench.add(kind="a", queue="one", tags=("red", "big"))
    await bench.add(kind="b", queue="one", tags=("red",))
    await bench.add(kind="a", queue="two", delay_seconds=60.0)

    async def kinds(**conditions: object) -> list[tuple[str, str]]:
        wanted = JobFilter(**conditions)  # type: ignore[arg-type]
        return [(job.kind, job.queue) for job in await bench.store.jobs(wanted)]

    assert await kinds() == [("a", "two"), ("b", "one"), ("a", "one")]
    assert await kinds(kind="a") == [("a", "two"), ("a", "one")]
    assert await kinds(queue="one") == [("b", "one"), ("a", "one")]
    assert await kinds(tag="red") == [("b", "one"), ("a", "one")]
    assert await kinds(tag="big", kind="b") == []
    assert await kinds(state=JobState.SCHEDULED) == [("a", "two")]
    assert await kinds(state=JobState.AVAILABLE, kind="a", queue="one") == [("a", "one")]


async def test_a_list_shows_no_failures(bench: Bench) -> None:
    job = await bench.run_one()
    await bench.store.ack([ack_of(job, JobState.DISCARDED, failure=OOPS)])

    (shown,) = await bench.store.jobs(JobFilter())

    assert shown.failures == ()
    assert shown.state is JobState.DISCARDED


async def test_jobs_are_counted_by_state(bench: Bench) -> None:
    await bench.finish()
    await bench.finish(JobState.DISCARDED)
    await bench.run_one()
    await bench.add(2)
    await bench.add(3, delay_seconds=60.0)

    assert await bench.store.counts() == {
        JobState.AVAILABLE: 2,
        JobState.SCHEDULED: 3,
        JobState.PENDING: 0,
        JobState.RUNNING: 1,
        JobState.RETRYABLE: 0,
        JobState.COMPLETED: 1,
        JobState.CANCELLED: 0,
        JobState.DISCARDED: 1,
    }


async def test_jobs_are_counted_by_queue_and_state(bench: Bench) -> None:
    assert await bench.store.counts_by_queue() == {}
    await bench.finish()
    await bench.add(2)
    await bench.add(3, queue="media", delay_seconds=60.0)

    assert await bench.store.counts_by_queue() == {
        ("default", JobState.COMPLETED): 1,
        ("default", JobState.AVAILABLE): 2,
        ("media", JobState.SCHEDULED): 3,
    }


async def test_queues_are_known_by_their_jobs_their_nodes_and_their_pauses(bench: Bench) -> None:
    await bench.add(3, queue="busy", priority=2)
    bench.hands.pass_time(100)
    await bench.add(queue="busy")
    await bench.add(queue="late", delay_seconds=60.0)
    node = await bench.store.join(node_info(queues=("served", "busy")), 30)
    await bench.store.claim(node, [Demand("busy", ("k",), 1)])
    await bench.store.pause("paused")

    busy, paused, served = await bench.store.queues()

    assert (busy.name, busy.available, busy.running, busy.paused_at) == ("busy", 3, 1, None)
    assert busy.oldest_age_seconds == pytest.approx(100, abs=30)
    assert (paused.name, paused.available, paused.oldest_age_seconds) == ("paused", 0, None)
    assert paused.paused_at is not None
    assert (served.name, served.running) == ("served", 0)


async def test_a_queue_is_known_while_its_jobs_run(bench: Bench) -> None:
    await bench.add(queue="short")
    node = await bench.node()
    (job,) = await bench.store.claim(node, [Demand("short", ("k",), 1)])

    assert [queue.name for queue in await bench.store.queues()] == ["default", "short"]

    await bench.store.ack([ack_of(job)])
    assert [queue.name for queue in await bench.store.queues()] == ["default"]


async def test_the_oldest_job_of_a_queue_may_be_of_any_priority(bench: Bench) -> None:
    await bench.add(priority=4)
    bench.hands.pass_time(50)
    await bench.add(priority=1)

    (queue,) = await bench.store.queues()

    assert queue.oldest_age_seconds == pytest.approx(50, abs=20)


async def test_pausing_twice_keeps_the_first_time(bench: Bench) -> None:
    await bench.store.pause("default")
    (first,) = await bench.store.queues()

    await bench.store.pause("default")

    assert await bench.store.queues() == [first]


async def test_all_known_queues_can_be_paused_and_resumed(bench: Bench) -> None:
    await bench.add(queue="one")
    await bench.add(queue="two")

    await bench.store.pause("*")
    assert [queue.paused_at is None for queue in await bench.store.queues()] == [False, False]

    await bench.store.resume("*")
    assert [queue.paused_at is None for queue in await bench.store.queues()] == [True, True]


async def test_resuming_an_open_queue_is_nothing(bench: Bench) -> None:
    await bench.store.resume("open")

    assert await bench.store.queues() == []


async def test_a_store_whose_tables_are_ours_answers(bench: Bench) -> None:
    await bench.store.check()
