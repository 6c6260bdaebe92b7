"""Store.claim_limited and served: limits over all nodes."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest

from actors.store.protocol import Demand, LimitedClaim
from runtime.job import ClaimedJob
from runtime.limits import QueueLimits, Rate
from tests.store.harness import Bench, ack_of


async def take(bench: Bench, node: int, places: int = 100, queue: str = "default") -> LimitedClaim:
    return await bench.store.claim_limited(node, [Demand(queue, ("k",), places)])


def keys(jobs: list[ClaimedJob]) -> list[str | None]:
    return [job.key for job in jobs]


async def test_each_claim_leaves_the_queues_of_the_other_alone(bench: Bench) -> None:
    (free,) = await bench.add(queue="free")
    (limited,) = await bench.add(queue="limited", key="a")
    bench.hands.limit("limited", QueueLimits(concurrency=5))
    node = await bench.node()
    demand = [Demand("free", ("k",), 10), Demand("limited", ("k",), 10)]

    plain = await bench.store.claim(node, demand)
    others = (await bench.store.claim_limited(node, demand)).jobs

    assert [job.id for job in plain] == [free]
    assert [(job.id, job.key, job.attempt) for job in others] == [(limited, "a", 1)]
    assert (await bench.store.served(node, any_queue=False)).limited == {"limited"}


async def test_no_more_run_at_once_than_the_limit_on_all_nodes_together(bench: Bench) -> None:
    await bench.add(10)
    bench.hands.limit("default", QueueLimits(concurrency=3))
    one, two = await bench.node(), await bench.node(name="host:2")

    first, second, refused = [
        await take(bench, one, 2),
        await take(bench, two),
        await take(bench, one),
    ]
    assert [len(first.jobs), len(second.jobs), len(refused.jobs)] == [2, 1, 0]
    assert refused.again_seconds == {"default": 0}

    await bench.store.ack([ack_of(first.jobs[0])])
    assert len((await take(bench, two)).jobs) == 1


async def test_runs_of_a_lost_node_count_until_they_are_rescued(bench: Bench) -> None:
    await bench.add(2)
    bench.hands.limit("default", QueueLimits(concurrency=1))
    lost = await bench.node(lease_seconds=5, name="lost:1")
    assert len((await take(bench, lost)).jobs) == 1
    bench.hands.pass_time(10)
    node = await bench.node()
    assert (await take(bench, node)).jobs == []

    await bench.store.rescue(10)

    assert len((await take(bench, node)).jobs) == 1
    assert (await take(bench, lost)).jobs == []


async def test_what_ran_before_the_limit_was_set_is_counted(bench: Bench) -> None:
    await bench.add(4)
    node = await bench.node()
    begun = await bench.claim(node, places=2)
    bench.hands.limit("default", QueueLimits(concurrency=2))
    assert (await take(bench, node)).jobs == []

    await bench.store.ack([ack_of(begun[0])])

    assert len((await take(bench, node)).jobs) == 1


async def test_what_ran_before_is_counted_however_late_the_next_claim_comes(bench: Bench) -> None:
    await bench.add(4)
    node = await bench.node(lease_seconds=1e6)
    begun = await bench.claim(node, places=2)
    bench.hands.limit("default", QueueLimits(concurrency=2))
    bench.hands.pass_time(100)
    assert (await take(bench, node)).jobs == []
    assert (await take(bench, node)).jobs == []

    await bench.store.ack([ack_of(begun[0])])

    assert len((await take(bench, node)).jobs) == 1
    assert (await take(bench, node)).jobs == []


async def test_keys_with_few_jobs_leave_their_places_to_the_others(bench: Bench) -> None:
    for number in range(10):
        await bench.add(1, key=f"calm-{number}")
    await bench.add(3, key="brisk")
    await bench.add(60, key="busy")
    bench.hands.limit("default", QueueLimits(fair=True))

    taken = await take(bench, await bench.node(), 40)

    assert Counter(keys(taken.jobs)) == {
        **{f"calm-{number}": 1 for number in range(10)},
        "brisk": 3,
        "busy": 27,
    }


async def test_keys_have_limits_of_their_own(bench: Bench) -> None:
    await bench.add(5, key="busy")
    await bench.add(1, key="calm")
    await bench.add(1)
    bench.hands.limit("default", QueueLimits(per_key=2))

    taken = await take(bench, await bench.node())

    assert Counter(keys(taken.jobs)) == {"busy": 2, "calm": 1, None: 1}
    assert taken.again_seconds == {"default": 0}


async def test_keys_take_turns_across_claims(bench: Bench) -> None:
    await bench.add(50, key="b")
    await bench.add(3, key="a")
    await bench.add(3, key="c")
    bench.hands.limit("default", QueueLimits(fair=True))
    node = await bench.node()

    taken = [keys((await take(bench, node, 2)).jobs) for _ in range(6)]

    assert Counter(key for pair in taken[:3] for key in pair) == {"a": 2, "b": 2, "c": 2}
    assert Counter(key for pair in taken for key in pair) == {"a": 3, "b": 6, "c": 3}


async def test_a_rate_lets_a_burst_begin_and_then_one_at_a_time(bench: Bench) -> None:
    await bench.add(10)
    bench.hands.limit("default", QueueLimits(rate=Rate(2, per=100.0, burst=3)))
    node = await bench.node(lease_seconds=1e6)

    taken = await take(bench, node)
    again = taken.again_seconds["default"]
    assert len(taken.jobs) == 3
    assert again == pytest.approx(50, abs=5)
    assert (await take(bench, node)).jobs == []

    bench.hands.pass_time(51)
    assert len((await take(bench, node)).jobs) == 1
    bench.hands.pass_time(1_000)
    assert len((await take(bench, node)).jobs) == 3


async def test_a_rate_of_keys_is_one_of_each(bench: Bench) -> None:
    await bench.add(3, key="a")
    await bench.add(3, key="b")
    bench.hands.limit("default", QueueLimits(rate=Rate(1, per=100.0, per_key=True)))
    node = await bench.node(lease_seconds=1e6)

    taken = await take(bench, node)
    assert keys(taken.jobs) == ["a", "b"]
    assert taken.again_seconds["default"] == pytest.approx(100, abs=5)
    bench.hands.pass_time(101)
    assert keys((await take(bench, node)).jobs) == ["a", "b"]


async def test_a_paused_queue_gives_nothing_whatever_its_limits(bench: Bench) -> None:
    await bench.add()
    bench.hands.limit("default", QueueLimits(concurrency=3))
    await bench.store.pause("default")

    assert (await take(bench, await bench.node())).jobs == []


async def test_a_queue_without_limits_again_is_claimed_as_others(bench: Bench) -> None:
    ids: list[UUID] = await bench.add()
    bench.hands.limit("default", QueueLimits(concurrency=3))
    bench.hands.limit("default", QueueLimits())
    node = await bench.node()

    assert (await take(bench, node)).jobs == []
    assert [job.id for job in await bench.claim(node)] == ids


async def test_a_node_learns_what_it_was_assigned_and_what_waits(bench: Bench) -> None:
    await bench.add(queue="new")
    node = await bench.node()
    bench.hands.assign("new", "new:2")
    bench.hands.assign("default", None)

    served = await bench.store.served(node, any_queue=True)

    assert served.assigned == {"new": "new:2", "default": None}
    assert served.waiting == ("new",)
    assert (await bench.store.served(node, any_queue=False)).waiting == ()
    assert [row.queues for row in await bench.store.nodes()] == [("new",)]
