"""Store.listen: who is told of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from actors.store.protocol import Notification
from runtime.lifecycle import JobState
from tests.store.harness import OOPS, Bench, ack_of, new_job, node_info

Channel = trio.abc.ReceiveChannel[Notification]

# A queue of nobody's, to which a last job goes: what was notified before it has been received.
_MARK = "mark"
QUEUES = ("default", "one", "two", _MARK)


async def heard(bench: Bench, notifications: Channel) -> Counter[tuple[str, str]]:
    """All that was notified until now."""
    await bench.add(queue=_MARK)
    found: Counter[tuple[str, str]] = Counter()
    with trio.fail_after(10):
        async for notification in notifications:
            if notification.payload == _MARK:
                break
            found[notification.topic, notification.payload] += 1
    return found


@asynccontextmanager
async def listening(bench: Bench) -> AsyncIterator[Channel]:
    """Listen, as a node that wants wakeups does."""
    ears = await bench.store.join(node_info("ears", QUEUES), lease_seconds=1e6)
    await bench.store.want_wakeups(ears, True)
    async with bench.store.listen() as notifications:
        yield notifications


async def test_an_insert_wakes_its_queue_once_a_statement(bench: Bench) -> None:
    async with listening(bench) as notifications:
        await bench.add(100, queue="one")
        assert await heard(bench, notifications) == {("wakeup", "one"): 1}


async def test_an_insert_wakes_nobody_where_no_node_wants_it(bench: Bench) -> None:
    others = await bench.store.join(node_info("others", ("other",)), lease_seconds=30)
    await bench.store.want_wakeups(others, True)
    calm = await bench.node()
    async with listening(bench) as notifications:
        await bench.add(queue="nobody's")
        assert await heard(bench, notifications) == {}
    async with bench.store.listen() as notifications:
        ears = next(node for node in await bench.store.nodes() if node.name == "ears")
        await bench.store.want_wakeups(ears.id, False)
        await bench.add()
        await bench.store.want_wakeups(calm, True)
        await bench.add()
        await bench.store.leave(calm)
        await bench.add()
        await bench.store.want_wakeups(ears.id, True)
        assert await heard(bench, notifications) == {("wakeup", "default"): 1}


async def test_a_job_due_soon_is_a_hint_and_one_due_later_is_not(bench: Bench) -> None:
    async with listening(bench) as notifications:
        await bench.add(3, delay_seconds=9.0)
        assert await heard(bench, notifications) == {("due", ""): 1}
        await bench.add(3, delay_seconds=11.0)
        assert await heard(bench, notifications) == {}


async def test_an_insert_of_known_ids_says_nothing(bench: Bench) -> None:
    (job_id,) = await bench.add()
    async with listening(bench) as notifications:
        await bench.store.enqueue([new_job(id=job_id)])
        assert await heard(bench, notifications) == {}


async def test_claims_and_completions_say_nothing(bench: Bench) -> None:
    await bench.add()
    async with listening(bench) as notifications:
        (job,) = await bench.claim(await bench.node())
        await bench.store.ack([ack_of(job)])
        assert await heard(bench, notifications) == {}


async def test_a_job_given_back_wakes_its_queue(bench: Bench) -> None:
    await bench.add(2, queue="default")
    node = await bench.node()
    async with listening(bench) as notifications:
        first, second = await bench.claim(node)
        await bench.store.release([(first.id, 1), (second.id, 1)])
        assert await heard(bench, notifications) == {("wakeup", "default"): 1}
        (first, second) = await bench.claim(node)
        await bench.store.ack([ack_of(first, JobState.AVAILABLE, counted=False), ack_of(second)])
        assert await heard(bench, notifications) == {("wakeup", "default"): 1}


async def test_a_short_retry_is_a_hint_and_a_long_one_is_not(bench: Bench) -> None:
    await bench.add(2)
    short, long = await bench.claim(await bench.node())
    async with listening(bench) as notifications:
        await bench.store.ack([ack_of(long, JobState.RETRYABLE, delay_seconds=60, failure=OOPS)])
        assert await heard(bench, notifications) == {}
        await bench.store.ack([ack_of(short, JobState.RETRYABLE, delay_seconds=1, failure=OOPS)])
        assert await heard(bench, notifications) == {("due", ""): 1}


async def test_rescue_and_stage_wake_the_queues_of_their_jobs(bench: Bench) -> None:
    await bench.add(2)
    await bench.claim(await bench.node(lease_seconds=30))
    await bench.add(2, queue="staged", delay_seconds=20.0)
    bench.hands.pass_time(31)
    async with listening(bench) as notifications:
        await bench.store.rescue(100)
        assert await heard(bench, notifications) == {("wakeup", "default"): 1}
        await bench.store.stage(100)
        assert await heard(bench, notifications) == {("wakeup", "staged"): 1}


async def test_a_cancellation_of_a_running_job_is_a_command(bench: Bench) -> None:
    (waiting,) = await bench.add(queue="other")
    job = await bench.run_one()
    async with listening(bench) as notifications:
        await bench.store.cancel(job.id)
        await bench.store.cancel(waiting)
        assert await heard(bench, notifications) == {("control", f"cancel:{job.id}"): 1}


async def test_pause_and_resume_are_commands_and_resume_wakes(bench: Bench) -> None:
    async with listening(bench) as notifications:
        await bench.store.pause("one")
        assert await heard(bench, notifications) == {("control", "pause:one"): 1}
        await bench.store.resume("one")
        assert await heard(bench, notifications) == {
            ("control", "resume:one"): 1,
            ("wakeup", "one"): 1,
        }


async def test_the_end_of_a_job_is_told_if_somebody_waits_for_it(bench: Bench) -> None:
    await bench.add(5)
    node = await bench.node()
    waited, failed, cancelled, again, unwatched = await bench.claim(node)
    for job in (waited, failed, cancelled, again):
        bench.hands.wait_for(job.id)
    await bench.store.cancel(cancelled.id)
    async with listening(bench) as notifications:
        await bench.store.ack([ack_of(waited), ack_of(unwatched)])
        assert await heard(bench, notifications) == {("finished", str(waited.id)): 1}
        await bench.store.ack(
            [
                ack_of(failed, JobState.DISCARDED, failure=OOPS),
                ack_of(again, JobState.SCHEDULED, delay_seconds=60),
            ]
        )
        assert await heard(bench, notifications) == {("finished", str(failed.id)): 1}
        await bench.store.release([(cancelled.id, 1)])
        assert await heard(bench, notifications) == {("finished", str(cancelled.id)): 1}
        await bench.store.cancel(again.id)
        assert await heard(bench, notifications) == {("finished", str(again.id)): 1}


async def test_a_waiter_is_told_of_a_rescue_that_discards_and_of_a_deletion(bench: Bench) -> None:
    (exhausted,) = await bench.add(max_attempts=1)
    await bench.claim(await bench.node(lease_seconds=30))
    (deleted,) = await bench.add()
    for job_id in (exhausted, deleted):
        bench.hands.wait_for(job_id)
    bench.hands.pass_time(31)
    async with listening(bench) as notifications:
        await bench.store.rescue(100)
        assert await heard(bench, notifications) == {("finished", str(exhausted)): 1}
        await bench.store.delete(deleted)
        assert await heard(bench, notifications) == {("finished", str(deleted)): 1}


async def test_a_retry_by_hand_wakes_its_queue(bench: Bench) -> None:
    job_id = await bench.finish()
    async with listening(bench) as notifications:
        await bench.store.retry(job_id)
        assert await heard(bench, notifications) == {("wakeup", "default"): 1}


async def test_every_listener_hears(bench: Bench) -> None:
    async with listening(bench) as one, listening(bench) as two:
        await bench.add(queue="one")
        assert await heard(bench, one) == {("wakeup", "one"): 1}
        assert await heard(bench, two) == {("wakeup", "one"): 1}
