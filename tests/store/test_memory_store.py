"""What MemoryStore has beside the contract: a clock of trio's, and faults on demand."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from actors.store.memory import MemoryStore
from actors.store.protocol import Demand, Notification
from runtime.errors import StoreUnavailable
from runtime.lifecycle import JobState
from tests.store.harness import ack_of, new_job, node_info

DEMAND = [Demand("default", ("k",), 10)]


async def test_its_time_is_trios(autojump_clock: trio.testing.MockClock) -> None:
    store = MemoryStore()
    node = await store.join(node_info(), 30)
    await store.enqueue([new_job(delay_seconds=20.0)])
    before = store.now()

    assert (await store.stage(10)).next_due_seconds == 20
    await trio.sleep(20)
    assert (await store.stage(10)).jobs == 1
    await trio.sleep(10)

    assert (store.now() - before).total_seconds() == 30
    assert not await store.renew(node, 30)


async def test_a_call_that_is_made_to_fail_has_no_effect() -> None:
    store = MemoryStore()
    store.faults.fail_next("enqueue", times=2)
    job = new_job()

    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await store.enqueue([job])

    assert await store.enqueue([job]) == [True]
    assert store.faults.calls["enqueue"] == 3


async def test_any_error_can_be_asked_for_of_any_method() -> None:
    store = MemoryStore()
    store.faults.fail_next(error=ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        await store.check()
    await store.check()


async def test_an_answer_can_be_lost_after_its_effect() -> None:
    store = MemoryStore()
    store.faults.lose_reply("enqueue")
    job = new_job()

    with pytest.raises(StoreUnavailable):
        await store.enqueue([job])

    assert await store.enqueue([job]) == [False]


async def test_a_call_can_be_held_before_and_after_its_effect() -> None:
    store = MemoryStore()
    await store.enqueue([new_job()])
    node = await store.join(node_info(), 30)
    before, after = store.faults.hold("claim"), store.faults.hold("claim", after=True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.claim, node, DEMAND)
        await before.reached.wait()
        assert (await store.counts())[JobState.RUNNING] == 0
        before.release()
        await after.reached.wait()
        assert (await store.counts())[JobState.RUNNING] == 1
        after.release()


async def test_a_method_can_be_slow(autojump_clock: trio.testing.MockClock) -> None:
    store = MemoryStore()
    store.faults.slow("check", 5.0)
    began = trio.current_time()

    await store.check()
    store.faults.slow("check", 0.0)
    await store.check()

    assert trio.current_time() - began == 5


async def test_a_lost_database_fails_every_call_and_loses_every_listener() -> None:
    store = MemoryStore()
    async with store.listen() as notifications:
        store.lose_database()
        with pytest.raises(StoreUnavailable):
            await store.check()
        store.find_database()
        await store.check()

        heard = [await notifications.receive() for _ in range(2)]

    assert heard == [Notification("lost", ""), Notification("back", "")]


async def test_what_is_notified_while_listening_is_lost_is_gone() -> None:
    store = MemoryStore()
    node = await store.join(node_info(queues=("default", "after")), 30)
    await store.want_wakeups(node, True)
    async with store.listen() as notifications:
        store.lose_listeners()
        await store.enqueue([new_job()])
        store.find_listeners()
        await store.enqueue([new_job(queue="after")])

        heard = [await notifications.receive() for _ in range(3)]

    assert heard == [
        Notification("lost", ""),
        Notification("back", ""),
        Notification("wakeup", "after"),
    ]


async def test_who_comes_while_listening_is_lost_is_told() -> None:
    store = MemoryStore()
    store.lose_listeners()

    async with store.listen() as notifications:
        assert await notifications.receive() == Notification("lost", "")


async def test_a_cancelled_call_had_its_effect_or_had_none() -> None:
    store = MemoryStore()
    await store.enqueue([new_job()])
    node = await store.join(node_info(), 30)
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.claim(node, DEMAND)

    assert scope.cancelled_caught
    (job,) = await store.claim(node, DEMAND)
    assert (await store.ack([ack_of(job)])).written == 1


async def test_ten_thousand_jobs_are_claimed_and_acked_in_a_moment() -> None:
    store = MemoryStore()
    await store.enqueue([new_job() for _ in range(10_000)])
    node = await store.join(node_info(), 30)
    began = trio.current_time()

    while jobs := await store.claim(node, [Demand("default", ("k",), 100)]):
        await store.ack([ack_of(job) for job in jobs])

    assert trio.current_time() - began < 10
