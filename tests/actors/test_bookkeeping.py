"""Holdings, Seat, Runs and Lease: what the actors remember."""

from __future__ import annotations

from uuid import UUID

import pytest
import trio

from actors.holdings import Holdings
from actors.lease import Lease, LeaseLost
from actors.runs import Runs
from actors.seat import Seat
from runtime.job import ClaimedJob, KindInfo


def job(number: int, queue: str = "default", run_number: int = 1) -> ClaimedJob:
    return ClaimedJob(UUID(int=number), run_number, "kind", queue, "{}", 1, 25, None, "{}", 0.0)


def test_a_claimed_run_is_held_until_its_outcome_is_written() -> None:
    holdings = Holdings()
    holdings.take([job(1), job(2, "other")])
    assert (len(holdings), holdings.in_queue("other")) == (2, 1)

    holdings.drop([(UUID(int=2), 1)])

    assert (len(holdings), holdings.in_queue("other")) == (1, 0)


def test_the_outcome_of_an_earlier_run_drops_nothing() -> None:
    holdings = Holdings()
    holdings.take([job(1, run_number=2)])
    holdings.drop([(UUID(int=1), 1)])

    assert (UUID(int=1), 2) in holdings


def test_what_the_database_says_we_hold_and_we_do_not_know_is_missing() -> None:
    holdings = Holdings()
    holdings.take([job(1)])

    assert holdings.missing([(UUID(int=1), 1), (UUID(int=2), 1)]) == [(UUID(int=2), 1)]


async def test_places_on_the_way_are_not_promised_twice() -> None:
    changes: list[int] = []
    seat = Seat("worker-0", on_change=lambda: changes.append(seat.free))
    seat.open(("kind",))
    seat.set_load(capacity=4, held=0)
    seat.give([job(1), job(2)])
    assert seat.free == 2

    assert await seat.take() == [job(1), job(2)]
    seat.set_load(capacity=4, held=2)

    assert (seat.free, changes) == (2, [4])


async def test_a_seat_asks_for_a_claim_when_enough_places_are_free() -> None:
    changes: list[int] = []
    seat = Seat("worker-0", on_change=lambda: changes.append(seat.free))
    seat.open(("kind",))
    seat.set_load(capacity=8, held=5, refill=4)
    assert (seat.free, seat.wanted, seat.promise()) == (3, 0, 0)
    seat.set_load(capacity=8, held=4, refill=4)
    assert (seat.free, seat.wanted, seat.promise()) == (4, 4, 4)
    assert changes == [4]


async def test_a_closed_seat_has_no_places_and_gives_back_what_was_not_read() -> None:
    seat = Seat("worker-0", on_change=lambda: None)
    seat.open(("kind",))
    seat.set_load(4, 0)
    seat.give([job(1)])
    seat.close()

    assert (seat.free, seat.take_unread(), seat.take_unread()) == (0, [job(1)], [])


def test_runs_are_begun_up_to_the_one_that_the_page_shows() -> None:
    runs = Runs()
    for number in (1, 2, 3):
        runs.add(job(number), KindInfo("kind"), 10.0)
    runs.begin_up_to(2, at=5.0)

    assert [run.seq for run in runs.begun()] == [1, 2]
    assert [run.seq for run in runs.take_waiting()] == [3]
    assert runs.begun()[0].due_at == 15.0


def test_a_run_is_begun_once() -> None:
    runs = Runs()
    run = runs.add(job(1), KindInfo("kind"), None)
    runs.begin(1, at=1.0)
    runs.begin_up_to(1, at=2.0)

    assert (run.begun_at, run.due_at) == (1.0, float("inf"))


async def test_a_lease_is_held_until_its_deadline(autojump_clock: trio.testing.MockClock) -> None:
    lease = Lease()
    assert not lease.held
    lease.begin(7, trio.current_time() + 10)
    assert (lease.held, lease.node_id) == (True, 7)

    await trio.sleep(10)

    assert not lease.held


async def test_a_lost_lease_has_no_node_to_act_under() -> None:
    lease = Lease()
    lease.begin(7, trio.current_time() + 10)
    lease.end()

    await lease.wait_lost()
    with pytest.raises(LeaseLost):
        assert lease.node_id


def test_a_page_that_names_a_run_that_was_never_handed_over_begins_the_oldest_alone() -> None:
    runs = Runs()
    first, second = (runs.add(job(number), KindInfo("kind"), None) for number in (1, 2))

    runs.begin_up_to(2**64 - 1, at=5.0)

    assert runs.begun() == [first]
    assert runs.waiting() == [second]
    runs.take_all()
    runs.begin_up_to(2**64 - 1, at=6.0)
