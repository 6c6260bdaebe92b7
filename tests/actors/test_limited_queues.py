"""The Distributor and queues that people limit, add and remove: what it asks for, and when."""

from __future__ import annotations

from collections import Counter

import attrs
import trio

from actors.distributor import Distributor
from actors.limit_book import FIRST_SECONDS, LONGEST_SECONDS, LimitBook
from actors.seat import Seat
from actors.store.protocol import Demand
from runtime.job import ClaimedJob
from runtime.lifecycle import Ack, JobState
from runtime.limits import QueueLimits, Rate
from tests.actors.conftest import NODE, Bench, new_job, seat_for

LONG = 1e6  # seconds that no test waits for


async def started(bench: Bench, *queues: str, places: int = 10) -> tuple[Distributor, Seat]:
    node = attrs.evolve(NODE, queues=queues or NODE.queues)
    bench.lease.begin(await bench.store.join(node, 1e9), 1e9)
    distributor = bench.distributor(*queues, poll_seconds=LONG)
    distributor.hand_on = {"control": lambda _payload: distributor.watch.look()}
    seat = seat_for(distributor, places=places)
    await bench.start(distributor.run)
    return distributor, seat


async def take(seat: Seat) -> list[ClaimedJob]:
    with trio.fail_after(LONG / 100):
        return await seat.take()


async def end(bench: Bench, jobs: list[ClaimedJob]) -> None:
    await bench.store.ack([Ack(job.id, job.run_number, JobState.COMPLETED) for job in jobs])
    bench.holdings.drop((job.id, job.run_number) for job in jobs)


async def test_a_limited_queue_is_claimed_from_at_once_and_up_to_its_limit(bench: Bench) -> None:
    bench.store.limit("default", QueueLimits(concurrency=2))
    await bench.store.enqueue([new_job() for _ in range(5)])
    _, seat = await started(bench)

    before = trio.current_time()
    assert len(await take(seat)) == 2
    assert trio.current_time() - before < 0.1


async def test_a_limit_set_while_the_node_serves_holds_from_then_on(bench: Bench) -> None:
    _, seat = await started(bench)
    await trio.sleep(1)
    bench.store.limit("default", QueueLimits(concurrency=2))
    await trio.sleep(1)
    await bench.store.enqueue([new_job() for _ in range(5)])
    assert len(await take(seat)) == 2

    bench.store.limit("default", QueueLimits())
    assert len(await take(seat)) == 3


async def test_the_next_one_begins_as_soon_as_a_run_of_ours_has_ended(bench: Bench) -> None:
    bench.store.limit("default", QueueLimits(concurrency=1))
    await bench.store.enqueue([new_job() for _ in range(3)])
    _, seat = await started(bench)
    first = await take(seat)
    await trio.sleep(60)  # by now it looks seldom
    before = trio.current_time()

    await end(bench, first)
    await take(seat)

    assert trio.current_time() - before < FIRST_SECONDS / 2


async def test_a_place_that_another_node_leaves_is_found_by_looking(bench: Bench) -> None:
    bench.store.limit("default", QueueLimits(concurrency=1))
    await bench.store.enqueue([new_job(), new_job()])
    other = await bench.store.join(NODE, 1e9)
    held = await bench.store.claim_limited(other, [Demand("default", ("kind",), 1)])
    _, seat = await started(bench)
    await trio.sleep(60)
    calls = bench.store.faults.calls["claim_limited"]
    await trio.sleep(60)
    assert bench.store.faults.calls["claim_limited"] - calls <= 1.2 * 60 / LONGEST_SECONDS

    await bench.store.ack([Ack(held.jobs[0].id, 1, JobState.COMPLETED)])
    before = trio.current_time()
    assert len(await take(seat)) == 1
    assert trio.current_time() - before <= LONGEST_SECONDS


async def test_a_rate_is_asked_again_when_its_next_job_is_due(bench: Bench) -> None:
    bench.store.limit("default", QueueLimits(rate=Rate(1, per=40.0)))
    await bench.store.enqueue([new_job() for _ in range(3)])
    _, seat = await started(bench)
    begun = []
    for _ in range(3):
        await take(seat)
        begun.append(trio.current_time())

    assert 40 <= begun[1] - begun[0] < 40.1
    assert 40 <= begun[2] - begun[1] < 40.1
    assert bench.store.faults.calls["claim_limited"] < 20


async def test_wakeups_do_not_make_a_full_queue_be_asked_all_the_time(bench: Bench) -> None:
    bench.store.limit("default", QueueLimits(concurrency=1))
    await bench.store.enqueue([new_job(), new_job()])
    distributor, seat = await started(bench)
    await take(seat)
    bench.store.faults.calls.clear()
    for _ in range(200):
        distributor.wake("default")
        await trio.sleep(0.001)

    assert bench.store.faults.calls["claim_limited"] <= 2 + 0.2 / FIRST_SECONDS


async def test_free_places_are_shared_by_weight_and_none_starves(bench: Bench) -> None:
    for queue in ("high", "low"):
        await bench.store.enqueue([new_job(queue=queue) for _ in range(60)])
    _, seat = await started(bench, "high:weight=3", "low", places=1)
    taken: Counter[str] = Counter()
    for _ in range(40):
        (job,) = await take(seat)
        taken[job.queue] += 1
        seat.set_load(1, 1)
        seat.set_load(1, 0)

    assert taken == {"high": 30, "low": 10}


async def test_an_idle_queues_share_goes_to_the_others(bench: Bench) -> None:
    await bench.store.enqueue([new_job(queue="low") for _ in range(20)])
    _, seat = await started(bench, "high:weight=100", "low")
    assert len(await take(seat)) == 10


async def test_a_queue_can_be_added_to_a_node_that_serves_and_removed(bench: Bench) -> None:
    _, seat = await started(bench)
    await trio.sleep(1)
    bench.store.assign("new", "new:2")
    await bench.store.enqueue([new_job(queue="new") for _ in range(4)])
    first = await take(seat)
    assert len(first) == 2  # its limit on this node

    bench.store.assign("new", None)
    await trio.sleep(1)
    await end(bench, first)
    await bench.store.enqueue([new_job(queue="default")])
    assert [job.queue for job in await take(seat)] == ["default"]


async def test_a_node_may_serve_whatever_queues_there_are(bench: Bench) -> None:
    await bench.store.enqueue([new_job(queue="here first")])
    _, seat = await started(bench, "*")
    assert [job.queue for job in await take(seat)] == ["here first"]
    await trio.sleep(1)

    await bench.store.enqueue([new_job(queue="later") for _ in range(5)])

    assert [job.queue for job in await take(seat)] == ["later"] * 5


def test_a_book_forgets_what_it_knew_of_a_queue_without_limits() -> None:
    book = LimitBook()
    assert book.learn(["a"])
    book.answered("a", 5.0, now=0.0, got=False)
    assert book.next_at == 5.0
    assert not book.learn(["a"])
    assert book.learn([])
    assert book.next_at == float("inf")
