"""The claim cursor: quick claims keep to the order; slow ones step over what is dead."""

from __future__ import annotations

import trio

from actors.cursor import APART, APART_IDLE, ClaimCursor
from actors.store.protocol import Demand
from runtime.job import ClaimedJob
from tests.actors.conftest import Bench, ids, new_job, seat_for

SLOW = 0.1
GROUP = Demand("default", ("k",), 4)
OTHER = Demand("other", ("k",), 4)


def claimed_job(queue: str = "default") -> ClaimedJob:
    new = new_job(queue=queue)
    return ClaimedJob(new.id, 1, "k", queue, "{}", 1, 25, None, "{}", 0.0)


def test_quick_claims_begin_at_the_head() -> None:
    cursor = ClaimCursor()
    for now in range(10):
        demand = cursor.placed([GROUP], now)
        assert demand == [GROUP]
        cursor.claimed(demand, [claimed_job()], now, 0.001)
    assert cursor.head_at == float("inf")


def test_a_large_batch_may_take_its_time() -> None:
    cursor = ClaimCursor()
    cursor.claimed([GROUP], [claimed_job() for _ in range(1000)], 0.0, 0.04)
    assert cursor.placed([GROUP], 0.04) == [GROUP]


def test_after_a_slow_claim_the_next_ones_begin_behind_the_last_job_of_theirs() -> None:
    cursor = ClaimCursor()
    first, second = claimed_job(), claimed_job()
    cursor.claimed([GROUP, OTHER], [first, second], 0.0, SLOW)
    (group, other) = cursor.placed([GROUP, OTHER], SLOW)
    assert (group.after, other.after) == (second.id, None)
    assert cursor.head_at == float("inf")  # all that there was has been seen

    third = claimed_job("other")
    cursor.claimed([group, other], [third], SLOW, 0.001)
    (group, other) = cursor.placed([GROUP, OTHER], SLOW)
    assert (group.after, other.after) == (second.id, third.id)


def test_in_time_it_begins_at_the_head_again() -> None:
    cursor = ClaimCursor()
    cursor.claimed([GROUP], [claimed_job()], 0.0, SLOW)
    demand = cursor.placed([GROUP], SLOW)
    cursor.claimed(demand, [claimed_job() for _ in range(GROUP.places)], SLOW, 0.001)
    demand = cursor.placed([GROUP], SLOW)
    assert cursor.head_at == (1 + APART) * SLOW
    assert cursor.placed([GROUP], cursor.head_at - 0.001) == demand
    assert cursor.placed([GROUP], cursor.head_at) == [GROUP]


def test_it_begins_at_the_head_soon_where_there_is_nothing_else_to_claim() -> None:
    cursor = ClaimCursor()
    cursor.claimed([GROUP], [claimed_job()], 0.0, SLOW)
    demand = cursor.placed([GROUP], SLOW)
    cursor.claimed(demand, [claimed_job()], SLOW, 0.001)
    assert cursor.head_at == (1 + APART_IDLE) * SLOW
    assert cursor.placed([GROUP], cursor.head_at) == [GROUP]


def test_a_look_from_the_head_of_one_group_is_none_of_another() -> None:
    cursor = ClaimCursor()
    cursor.claimed([GROUP, OTHER], [claimed_job(), claimed_job("other")], 0.0, SLOW)
    demand = cursor.placed([OTHER], SLOW)
    cursor.claimed(demand, [], SLOW, SLOW)
    at = cursor.head_at
    cursor.to_head()
    cursor.claimed(cursor.placed([GROUP], at), [claimed_job()], at, SLOW)
    assert cursor.placed([OTHER], at + SLOW) == [OTHER]


async def test_what_stands_in_front_waits_for_a_look_from_the_head_and_no_longer(
    bench: Bench,
) -> None:
    await bench.join()
    distributor = bench.distributor(poll_seconds=1e6)
    seat = seat_for(distributor, places=1)
    hold = bench.store.faults.hold("claim", after=True)
    await bench.store.enqueue([new_job(priority=2) for _ in range(3)])
    await bench.start(distributor.run)
    await hold.reached.wait()
    await trio.sleep(SLOW)
    hold.release()
    await seat.take()
    urgent = new_job(priority=1)
    await bench.store.enqueue([urgent])
    taken = []
    began = trio.current_time()
    while urgent.id not in taken:
        seat.set_load(1, 0)
        taken += ids(await seat.take())
    assert len(taken) == 3
    assert trio.current_time() - began <= (1 + APART) * SLOW
