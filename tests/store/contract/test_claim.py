"""Store.claim, release and holdings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from actors.store.protocol import Demand
from runtime.ids import uuid7
from runtime.lifecycle import Ack, JobState
from tests.store.harness import Bench, ack_of, node_info


async def test_a_claimed_job_runs_on_its_node(bench: Bench) -> None:
    (job_id,) = await bench.add(args='{"x":1}', metadata='{"m":2}', timeout_seconds=5.0)
    node = await bench.node(name="here:7")

    (claimed,) = await bench.claim(node)

    assert (claimed.id, claimed.kind, claimed.queue) == (job_id, "k", "default")
    assert (claimed.run_number, claimed.attempt, claimed.max_attempts) == (1, 1, 25)
    assert claimed.args.replace(" ", "") == '{"x":1}'
    assert claimed.metadata.replace(" ", "") == '{"m":2}'
    assert claimed.timeout_seconds == 5.0
    assert 0 <= claimed.wait_seconds < 60
    job = await bench.store.get(job_id)
    assert (job.state, job.node, job.attempt, job.run_number) == (
        JobState.RUNNING,
        "here:7",
        1,
        1,
    )
    assert job.attempted_at is not None


async def test_the_wait_counts_from_when_the_job_was_due(bench: Bench) -> None:
    await bench.add()
    bench.hands.pass_time(100)

    (claimed,) = await bench.claim(await bench.node())

    assert claimed.wait_seconds == pytest.approx(100, abs=30)


async def test_a_claim_takes_in_order_of_priority_then_time_then_id(bench: Bench) -> None:
    early, late = (datetime(2001, 1, day, tzinfo=UTC) for day in (1, 2))
    (third,) = await bench.add(priority=2, scheduled_at=late)
    (second,) = await bench.add(priority=2, scheduled_at=early)
    fourth, fifth = await bench.add(2, priority=3, scheduled_at=early)
    (first,) = await bench.add(priority=1, scheduled_at=late)

    claimed = await bench.claim(await bench.node())

    assert [job.id for job in claimed] == [first, second, third, fourth, fifth]


async def test_a_claim_never_takes_more_than_there_are_places(bench: Bench) -> None:
    await bench.add(10)
    node = await bench.node()

    assert len(await bench.claim(node, places=3)) == 3
    assert len(await bench.claim(node, places=3)) == 3
    assert len(await bench.claim(node, places=100)) == 4
    assert await bench.claim(node) == []


async def test_one_statement_serves_all_groups_of_demand(bench: Bench) -> None:
    await bench.add(5, kind="a", queue="one")
    await bench.add(5, kind="b", queue="one")
    await bench.add(5, kind="a", queue="two")
    await bench.add(5, kind="c", queue="two")

    claimed = await bench.store.claim(
        await bench.node(),
        [
            Demand("one", ("a",), 2),
            Demand("one", ("b", "c"), 3),
            Demand("two", ("a", "b"), 4),
            Demand("three", ("a",), 4),
        ],
    )

    assert [(job.queue, job.kind) for job in claimed] == (
        [("one", "a")] * 2 + [("one", "b")] * 3 + [("two", "a")] * 4
    )


async def test_kinds_of_any_spelling_are_told_apart(bench: Bench) -> None:
    kinds = ["a,b", 'a"b', "a\\b", "{a}", "NULL", "null", " a", "ä", "a b", "'"]
    for kind in kinds:
        await bench.add(kind=kind)
    node = await bench.node()

    for kind in kinds:
        assert [job.kind for job in await bench.claim(node, kinds=[kind])] == [kind]


async def test_jobs_of_kinds_that_nobody_asked_for_stay(bench: Bench) -> None:
    await bench.add(50, kind="other")
    await bench.add(kind="mine")

    claimed = await bench.claim(await bench.node(), kinds=["mine"])

    assert [job.kind for job in claimed] == ["mine"]


async def test_no_demand_takes_nothing(bench: Bench) -> None:
    await bench.add()
    node = await bench.node()

    assert await bench.store.claim(node, []) == []
    assert await bench.claim(node, places=0) == []
    assert await bench.claim(node, kinds=[]) == []


async def test_scheduled_and_finished_jobs_are_not_claimed(bench: Bench) -> None:
    await bench.finish()
    await bench.add(delay_seconds=60.0)

    assert await bench.claim(await bench.node()) == []


async def test_a_claim_behind_a_job_steps_over_what_is_in_front_of_it(bench: Bench) -> None:
    first, second, third = [job_id for _ in range(3) for job_id in await bench.add(priority=2)]
    node = await bench.node()
    claimed = await bench.claim(node, places=2)
    assert [job.id for job in claimed] == [first, second]
    (urgent,) = await bench.add(priority=1)
    await bench.store.release([(first, 1)])
    await bench.add(queue="other")

    async def claim(after: UUID | None) -> list[UUID]:
        behind = Demand("default", ("k",), 10, after)
        others = Demand("other", ("nobody's",), 10)
        return [job.id for job in await bench.store.claim(node, [behind, others])]

    assert await claim(second) == [third]
    assert await claim(None) == [urgent, first]


async def test_what_has_no_place_any_more_is_no_mark(bench: Bench) -> None:
    first, _ = await bench.add(2)
    node = await bench.node()
    (job, _) = await bench.claim(node)
    await bench.store.ack([ack_of(job, JobState.RETRYABLE, delay_seconds=1000.0)])
    (waits,) = await bench.add()
    gone = uuid7()
    for after in (gone, first):
        (claimed,) = await bench.store.claim(node, [Demand("default", ("k",), 10, after)])
        assert claimed.id == waits
        await bench.store.release([(claimed.id, claimed.run_number)])


async def test_what_the_same_claim_takes_is_no_mark(bench: Bench) -> None:
    (front,) = await bench.add(kind="a")
    (behind,) = await bench.add(kind="b")
    demand = [Demand("default", ("b",), 1), Demand("default", ("a",), 1, behind)]

    claimed = await bench.store.claim(await bench.node(), demand)

    assert [job.id for job in claimed] == [behind, front]


async def test_nothing_is_claimed_from_a_paused_queue(bench: Bench) -> None:
    await bench.add()
    await bench.add(queue="open")
    await bench.store.pause("default")

    demand = [Demand("default", ("k",), 9), Demand("open", ("k",), 9)]
    claimed = await bench.store.claim(await bench.node(), demand)

    assert [job.queue for job in claimed] == ["open"]
    await bench.store.resume("default")
    assert len(await bench.claim(await bench.node())) == 1


async def test_nothing_is_claimed_for_a_node_whose_lease_ran_out(bench: Bench) -> None:
    await bench.add()
    node = await bench.node(lease_seconds=30)
    bench.hands.pass_time(31)

    assert await bench.claim(node) == []


async def test_nothing_is_claimed_for_a_node_that_left_or_never_was(bench: Bench) -> None:
    await bench.add()
    node = await bench.node()
    await bench.store.leave(node)

    assert await bench.claim(node) == []
    assert await bench.claim(987_654) == []


async def test_a_run_number_is_never_used_again(bench: Bench) -> None:
    (job_id,) = await bench.add()
    node = await bench.node()

    numbers = []
    for _ in range(3):
        (claimed,) = await bench.claim(node)
        numbers.append((claimed.run_number, claimed.attempt))
        await bench.store.release([(job_id, claimed.run_number)])

    assert numbers == [(1, 1), (2, 1), (3, 1)]


async def test_release_gives_a_job_back_to_its_place_uncounted(bench: Bench) -> None:
    first, second = await bench.add(2)
    node = await bench.node()
    due = (await bench.store.get(first)).scheduled_at
    (claimed,) = await bench.claim(node, places=1)

    assert await bench.store.release([(first, claimed.run_number)]) == 1

    job = await bench.store.get(first)
    assert (job.state, job.attempt, job.run_number, job.node) == (
        JobState.AVAILABLE,
        0,
        1,
        None,
    )
    assert job.scheduled_at == due
    assert [job.id for job in await bench.claim(node)] == [first, second]


async def test_release_of_what_is_not_held_changes_nothing(bench: Bench) -> None:
    job = await bench.run_one()
    done = await bench.finish()

    released = await bench.store.release([(job.id, 2), (done, 1), (uuid7(), 1)])

    assert released == 0
    assert await bench.state(job.id) is JobState.RUNNING
    assert await bench.state(done) is JobState.COMPLETED
    assert await bench.store.release([]) == 0


async def test_a_run_named_twice_in_one_release_is_given_back_once(bench: Bench) -> None:
    job = await bench.run_one()

    assert await bench.store.release([(job.id, 1), (job.id, 1)]) == 1

    assert (await bench.store.get(job.id)).attempt == 0


async def test_release_of_a_job_whose_cancellation_was_requested_cancels_it(bench: Bench) -> None:
    job = await bench.run_one()
    await bench.store.cancel(job.id)

    assert await bench.store.release([(job.id, job.run_number)]) == 1

    shown = await bench.store.get(job.id)
    assert shown.state is JobState.CANCELLED
    assert shown.finalized_at is not None


async def test_holdings_are_the_runs_that_a_node_holds(bench: Bench) -> None:
    await bench.add(4)
    mine, other = await bench.node(), await bench.node()
    first, second = await bench.claim(mine, places=2)
    await bench.claim(other)
    await bench.store.ack([ack_of(second)])

    assert await bench.store.holdings(mine) == [(first.id, first.run_number)]
    assert await bench.store.holdings(987_654) == []


async def test_a_job_is_claimed_again_after_its_retry_is_due(bench: Bench) -> None:
    job = await bench.run_one()
    await bench.store.ack([Ack(job.id, job.run_number, JobState.RETRYABLE, delay_seconds=60)])
    assert await bench.claim(await bench.node()) == []
    bench.hands.pass_time(61)
    await bench.store.stage(10)

    (again,) = await bench.claim(await bench.node())

    assert (again.id, again.run_number, again.attempt) == (job.id, 2, 2)


async def test_nodes_that_serve_other_queues_can_claim_all_the_same(bench: Bench) -> None:
    await bench.add(queue="late")
    node = await bench.store.join(node_info(queues=("early",)), 30)

    assert len(await bench.store.claim(node, [Demand("late", ("k",), 1)])) == 1


async def test_waiting_time_is_not_negative_for_a_job_due_now(bench: Bench) -> None:
    await bench.add()
    before = await bench.store.get((await bench.add())[0])

    for job in await bench.claim(await bench.node()):
        assert job.wait_seconds >= 0
    after = await bench.store.get(before.id)
    assert after.attempted_at is not None
    assert after.attempted_at - after.scheduled_at < timedelta(seconds=60)
