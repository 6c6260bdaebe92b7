"""The Distributor: no insert is missed, no place is asked for twice, no claim is lost."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from actors import events
from runtime.lifecycle import JobState
from tests.actors.conftest import Bench, ids, new_job, seat_for


async def test_a_job_that_was_there_first_is_claimed_and_dealt(bench: Bench) -> None:
    await bench.join()
    job = new_job()
    await bench.store.enqueue([job])
    distributor = bench.distributor()
    seat = seat_for(distributor)
    await bench.start(distributor.run)

    assert ids(await seat.take()) == [job.id]
    assert len(bench.holdings) == 1


async def test_a_job_inserted_later_does_not_wait_for_the_poll(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1e6)
    seat = seat_for(distributor)
    await bench.start(distributor.run)
    await wait_all_tasks_blocked()

    before = trio.current_time()
    await bench.store.enqueue([new_job()])
    await seat.take()

    assert trio.current_time() - before < 0.1


async def test_an_insert_during_a_claim_is_not_missed(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1e6)
    seat = seat_for(distributor)
    hold = bench.store.faults.hold("claim", after=True)
    await bench.start(distributor.run)
    await hold.reached.wait()  # the claim has found nothing, and its answer is on the way

    job = new_job()
    await bench.store.enqueue([job])
    await wait_all_tasks_blocked()
    hold.release()

    with trio.fail_after(1):
        assert ids(await seat.take()) == [job.id]


async def test_without_demand_nothing_is_claimed(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1.0)
    seat = seat_for(distributor, places=0)
    await bench.start(distributor.run)
    await bench.store.enqueue([new_job()])
    await trio.sleep(10)
    assert bench.store.faults.calls["claim"] == 0

    seat.set_load(1, 0)
    await seat.take()

    assert bench.store.faults.calls["claim"] == 1


async def test_without_work_an_idle_node_claims_once_a_poll(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=10.0)
    seat_for(distributor)
    await bench.start(distributor.run)
    await trio.sleep(20)  # by then it has stopped looking for those who know nothing of it
    bench.store.faults.calls.clear()
    await trio.sleep(100)

    assert 8 <= bench.store.faults.calls["claim"] <= 13


async def test_one_statement_asks_for_all_groups(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor("x", "y")
    one = seat_for(distributor, "a", places=4, name="sync-0")
    two = seat_for(distributor, "a", places=4, name="sync-1")
    many = seat_for(distributor, "b", places=4, name="async")
    jobs = [new_job(kind, queue) for kind in "ab" for queue in "xy"]
    await bench.store.enqueue(jobs)
    await bench.start(distributor.run)

    got = [*await many.take(), *await one.take(), *await two.take()]

    assert set(ids(got)) == {job.id for job in jobs}
    assert bench.store.faults.calls["claim"] == 1
    claimed = bench.saw(events.Claimed)[0]
    assert isinstance(claimed, events.Claimed)
    assert (claimed.groups, claimed.places) == (4, 12)


async def test_no_more_is_claimed_than_there_are_places(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor()
    seat = seat_for(distributor, places=3)
    await bench.store.enqueue([new_job() for _ in range(10)])
    await bench.start(distributor.run)

    assert len(await seat.take()) == 3
    seat.set_load(3, 3)
    await wait_all_tasks_blocked()
    assert len(bench.holdings) == 3


async def test_jobs_of_kinds_that_nobody_serves_stay(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor()
    seat = seat_for(distributor, "known", places=5)
    other, known = new_job("unknown"), new_job("known")
    await bench.store.enqueue([other, known])
    await bench.start(distributor.run)

    assert ids(await seat.take()) == [known.id]
    assert (await bench.store.get(other.id)).state is JobState.AVAILABLE


async def test_a_queue_limit_holds_across_workers(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor("media:2")
    seat_for(distributor, places=2, name="worker-0")
    seat_for(distributor, places=2, name="worker-1")
    await bench.store.enqueue([new_job(queue="media") for _ in range(9)])
    await bench.start(distributor.run)
    await wait_all_tasks_blocked()

    assert len(bench.holdings) == 2


async def test_a_claim_that_returns_after_the_stop_goes_back_at_once(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor()
    seat_for(distributor)
    job = new_job()
    await bench.store.enqueue([job])
    hold = bench.store.faults.hold("claim", after=True)
    life = await bench.start(distributor.run)
    await hold.reached.wait()
    life.ask_to_stop()
    hold.release()
    await wait_all_tasks_blocked()

    row = await bench.store.get(job.id)
    assert (row.state, row.attempt) == (JobState.AVAILABLE, 0)
    assert len(bench.holdings) == 0


async def test_a_claim_whose_answer_was_lost_is_given_back(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor()
    seat = seat_for(distributor)
    job = new_job()
    await bench.store.enqueue([job])
    bench.store.faults.lose_reply("claim")
    await bench.start(distributor.run)

    with trio.fail_after(5):
        (claimed,) = await seat.take()

    assert (claimed.id, claimed.run_number, claimed.attempt) == (job.id, 2, 1)
    assert bench.saw(events.Released) != []


async def test_an_outage_is_waited_out_and_reported_once(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor()
    seat = seat_for(distributor)
    await bench.store.enqueue([new_job()])
    bench.store.lose_database()
    await bench.start(distributor.run)
    await trio.sleep(30)
    bench.store.find_database()

    before = trio.current_time()
    await seat.take()

    assert trio.current_time() - before < 3
    assert len(bench.saw(events.StoreLost)) == 1
    assert len(bench.saw(events.StoreBack)) == 1


async def test_a_lost_listener_leaves_the_poll_and_its_return_is_a_wakeup(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1000.0)
    seat = seat_for(distributor)
    await bench.start(distributor.run)
    await trio.sleep(1500)  # nothing but the poll looks unasked by then, and it comes at 2,000
    bench.store.lose_listeners()
    await bench.store.enqueue([new_job()])
    await wait_all_tasks_blocked()
    assert not distributor.listening

    bench.store.find_listeners()

    with trio.fail_after(1):
        await seat.take()
    assert distributor.listening


async def test_poll_only_finds_work_by_the_poll(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=2.0, poll_only=True)
    seat = seat_for(distributor)
    await bench.start(distributor.run)
    await wait_all_tasks_blocked()
    before = trio.current_time()
    await bench.store.enqueue([new_job()])
    await seat.take()

    assert 1.5 < trio.current_time() - before < 2.5


async def test_nothing_is_claimed_without_a_lease(bench: Bench) -> None:
    await bench.join(lease_seconds=10)
    distributor = bench.distributor(poll_seconds=1.0)
    seat = seat_for(distributor)
    await trio.sleep(11)
    await bench.store.enqueue([new_job()])
    await bench.start(distributor.run)
    await trio.sleep(10)

    assert bench.store.faults.calls["claim"] == 0
    assert seat.take_unread() == []


async def test_jobs_taken_back_go_to_another_seat_or_are_left_over(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor()
    seat = seat_for(distributor, places=2)
    await bench.store.enqueue([new_job(), new_job()])
    await bench.start(distributor.run)
    jobs = await seat.take()
    seat.set_load(2, 2)
    other = seat_for(distributor, places=1, name="worker-1")

    left = distributor.redeal(jobs)

    assert ids(await other.take()) == [jobs[0].id]
    assert ids(left) == [jobs[1].id]
