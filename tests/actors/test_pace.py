"""Pace: who looks when, and what producers are told."""

from __future__ import annotations

from itertools import pairwise

import trio
from trio.testing import wait_all_tasks_blocked

from actors.pace import BUSY_SECONDS, BUSY_WAKEUPS, CALM_SECONDS, Pace
from tests.actors.conftest import Bench, ids, new_job, seat_for

POLL = 5.0


def busy(at: float) -> Pace:
    pace = Pace(POLL)
    for _ in range(BUSY_WAKEUPS):
        pace.heard(at)
    return pace


def test_a_few_wakeups_change_nothing() -> None:
    pace = Pace(POLL)
    for number in range(1000):
        pace.heard(number * 0.011)  # 90 a second
    assert pace.wants_wakeups
    assert pace.look_at == float("inf")


def test_many_wakeups_begin_a_busy_time() -> None:
    pace = busy(7.0)
    assert not pace.wants_wakeups
    assert pace.look_at == 7.0 + BUSY_SECONDS
    pace.looked(pace.look_at, asks=True)
    assert pace.look_at == 7.0 + 2 * BUSY_SECONDS


def test_a_busy_time_lasts_as_long_as_something_is_found_and_a_little_longer() -> None:
    pace = busy(0.0)
    for number in range(1, 1000):
        pace.claimed(number * 0.2, found=True)
        pace.looked(number * 0.2 + 0.1, asks=True)
    assert not pace.wants_wakeups
    pace.looked(999 * 0.2 + CALM_SECONDS, asks=True)
    assert pace.wants_wakeups


def test_without_a_free_place_it_neither_looks_nor_wants_to_be_told() -> None:
    pace = busy(0.0)
    pace.looked(pace.look_at, asks=False)
    assert (pace.look_at, pace.wants_wakeups) == (float("inf"), False)
    pace.claimed(100.0, found=False)  # a place got free, and there was nothing for it
    assert pace.look_at == 100.0 + BUSY_SECONDS
    pace.looked(pace.look_at, asks=True)
    assert not pace.wants_wakeups
    pace.looked(100.0 + CALM_SECONDS, asks=True)
    assert pace.wants_wakeups


def test_after_it_said_so_it_looks_ever_less_often_until_the_poll_is_enough() -> None:
    pace = Pace(POLL)
    pace.told(0.0)
    looks = []
    while pace.look_at < float("inf"):
        looks.append(pace.look_at)
        pace.looked(pace.look_at, asks=True)
    assert looks[0] == BUSY_SECONDS
    assert all(later < 2.1 * (sooner + BUSY_SECONDS) for sooner, later in pairwise(looks))
    assert POLL / 2 < looks[-1] < 2 * POLL


async def test_a_producer_that_had_looked_before_the_node_came_is_not_missed(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1e6)
    seat = seat_for(distributor)
    hold = bench.store.faults.hold("want_wakeups")
    await bench.start(distributor.run)
    await hold.reached.wait()
    job = new_job()
    await bench.store.enqueue([job])  # nobody wants a wakeup yet: none is sent
    hold.release()

    began = trio.current_time()
    assert ids(await seat.take()) == [job.id]
    assert trio.current_time() - began <= BUSY_SECONDS


async def test_a_late_commit_is_found_after_about_as_long_again(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1e6)
    seat = seat_for(distributor)
    await bench.start(distributor.run)
    for late in (0.01, 0.5, 20.0):
        told = trio.current_time()
        distributor._pace.told(told)
        distributor.places_changed()  # it waits for the sooner look from now on
        await trio.sleep(late)
        bench.store.lose_listeners()  # a commit whose transaction had seen no wish
        await bench.store.enqueue([new_job()])
        await seat.take()
        seat.set_load(4, 0)
        assert trio.current_time() - told <= 2 * late + 2 * BUSY_SECONDS


async def test_in_a_busy_time_nobody_is_asked_for_wakeups_and_no_job_waits(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1e6)
    seat = seat_for(distributor)
    await bench.start(distributor.run)
    await trio.sleep(1.0)
    calls = bench.store.faults.calls
    before = calls["want_wakeups"]

    for _ in range(500):  # half a second of it
        job = new_job()
        await bench.store.enqueue([job])
        with trio.fail_after(2 * BUSY_SECONDS):
            assert ids(await seat.take()) == [job.id]
        seat.set_load(4, 0)
        await trio.sleep(0.001)

    assert calls["want_wakeups"] == before + 1
    await trio.sleep(2 * CALM_SECONDS)
    await wait_all_tasks_blocked()
    assert calls["want_wakeups"] == before + 2
    await trio.sleep(100.0)
    job = new_job()
    await bench.store.enqueue([job])
    with trio.fail_after(BUSY_SECONDS):
        assert ids(await seat.take()) == [job.id]


async def test_a_new_lease_is_a_new_node_of_whom_producers_must_be_told(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1e6)
    seat = seat_for(distributor)
    await bench.start(distributor.run)
    await trio.sleep(1.0)
    await bench.join()
    distributor.places_changed()  # as the Workers do when they serve again
    await trio.sleep(100.0)
    job = new_job()
    await bench.store.enqueue([job])
    with trio.fail_after(BUSY_SECONDS):
        assert ids(await seat.take()) == [job.id]


async def test_where_nobody_listens_no_wakeup_is_asked_for(bench: Bench) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1.0, poll_only=True)
    seat_for(distributor)
    await bench.start(distributor.run)
    await trio.sleep(10.0)
    assert bench.store.faults.calls["want_wakeups"] == 0
