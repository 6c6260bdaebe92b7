"""The Distributor of a quiet node: its next claim begins where the wakeup is heard."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from actors import events
from actors.distributor import QUIET_SECONDS
from actors.seat import Seat
from tests.actors.conftest import Bench, ids, new_job, seat_for

LONG = 1e6  # seconds that no test waits for


async def quiet(bench: Bench) -> None:
    """Let the node become quiet, and forget what it did before."""
    await trio.sleep(LONG / 10 + 10 * QUIET_SECONDS)
    bench.store.faults.calls.clear()


async def quiet_node(bench: Bench, places: int = 1) -> Seat:
    """A node that has been quiet for long; its only seat."""
    await bench.join(lease_seconds=1e9)
    distributor = bench.distributor(poll_seconds=LONG)
    seat = seat_for(distributor, places=places)
    await bench.start(distributor.run)
    await quiet(bench)
    return seat


async def test_a_wakeup_begins_the_claim_that_stands_by_and_no_other(bench: Bench) -> None:
    seat = await quiet_node(bench, places=5)
    heard = len(bench.saw(events.Wakeup))

    job = new_job()
    await bench.store.enqueue([job])
    assert ids(await seat.take()) == [job.id]
    await wait_all_tasks_blocked()

    assert bench.store.faults.calls["claim_at"] == 0  # it stood by already
    assert bench.store.faults.calls["claim"] == 1
    await trio.sleep(10 * QUIET_SECONDS)
    assert bench.store.faults.calls["claim_at"] == 1  # and does again
    assert len(bench.saw(events.Wakeup)) == heard + 1


async def test_a_backlog_that_one_wakeup_told_of_is_worked_off(bench: Bench) -> None:
    seat = await quiet_node(bench)
    jobs = [new_job() for _ in range(5)]
    await bench.store.enqueue(jobs)
    for job in jobs:
        with trio.fail_after(0.1):
            assert ids(await seat.take()) == [job.id]
        seat.set_load(1, 1)
        seat.set_load(1, 0)


async def test_jobs_that_come_one_after_the_other_are_all_found(bench: Bench) -> None:
    seat = await quiet_node(bench, places=100)
    for number in range(50):
        await trio.sleep(number % 5 * QUIET_SECONDS / 2)
        job = new_job()
        await bench.store.enqueue([job])
        with trio.fail_after(0.1):
            assert ids(await seat.take()) == [job.id]
        seat.set_load(100, 0)


async def test_an_insert_while_the_standing_claim_returns_is_not_missed(bench: Bench) -> None:
    seat = await quiet_node(bench, places=2)
    hold = bench.store.faults.hold("claim", after=True)
    first, second = new_job(), new_job()
    await bench.store.enqueue([first])
    await hold.reached.wait()
    await bench.store.enqueue([second])
    await wait_all_tasks_blocked()
    hold.release()
    with trio.fail_after(1):
        assert ids([*await seat.take(), *await seat.take()]) == [first.id, second.id]


async def test_places_that_become_free_are_asked_for_at_the_next_wakeup(bench: Bench) -> None:
    seat = await quiet_node(bench)
    seat.set_load(3, 0)
    await trio.sleep(10 * QUIET_SECONDS)
    jobs = [new_job() for _ in range(3)]
    await bench.store.enqueue(jobs)
    assert ids(await seat.take()) == [job.id for job in jobs]


async def test_a_place_that_was_dealt_again_is_not_filled_twice(bench: Bench) -> None:
    await bench.join(lease_seconds=1e9)
    distributor = bench.distributor(poll_seconds=LONG)
    giver = seat_for(distributor, places=1)
    await bench.store.enqueue([new_job()])
    await bench.start(distributor.run)
    taken = await giver.take()
    giver.set_load(1, 1)
    other = seat_for(distributor, places=1, name="worker-1")
    distributor.places_changed()
    await quiet(bench)

    assert distributor.redeal(taken) == []
    await trio.sleep(10 * QUIET_SECONDS)
    await bench.store.enqueue([new_job()])
    await wait_all_tasks_blocked()

    assert len(await other.take()) == 1
    assert other.take_unread() == []


async def test_a_lost_answer_of_a_standing_claim_is_given_back(bench: Bench) -> None:
    seat = await quiet_node(bench)
    bench.store.faults.lose_reply("claim")
    await bench.store.enqueue([new_job()])
    with trio.fail_after(5):
        (job,) = await seat.take()
    assert (job.run_number, job.attempt) == (2, 1)


async def test_jobs_that_come_when_the_lease_is_over_go_back(bench: Bench) -> None:
    seat = await quiet_node(bench)
    hold = bench.store.faults.hold("claim", after=True)
    job = new_job()
    await bench.store.enqueue([job])
    await hold.reached.wait()
    bench.lease.end()
    hold.release()
    await wait_all_tasks_blocked()
    assert seat.take_unread() == []
    assert (await bench.store.get(job.id)).attempt == 0


async def test_a_stop_ends_the_waiting(bench: Bench) -> None:
    await bench.join(lease_seconds=1e9)
    distributor = bench.distributor(poll_seconds=LONG)
    seat_for(distributor)
    ended = trio.Event()

    async def run(life: object) -> None:
        await distributor.run(life)  # type: ignore[arg-type]
        ended.set()

    life = await bench.start(run)
    await quiet(bench)
    life.ask_to_stop()
    with trio.fail_after(1):
        await ended.wait()
    assert bench.store.faults.calls["claim"] == 0
