"""Stage, prune, elect and resign."""

from __future__ import annotations

import pytest

from actors.store.protocol import Retention
from runtime.errors import JobNotFound
from runtime.lifecycle import JobState
from tests.store.harness import OOPS, Bench, ack_of

DAY = 86_400.0


async def test_due_jobs_become_available(bench: Bench) -> None:
    (due,) = await bench.add(delay_seconds=10.0)
    (later,) = await bench.add(delay_seconds=1_000.0)
    failed = await bench.run_one()
    await bench.store.ack([ack_of(failed, JobState.RETRYABLE, delay_seconds=20.0, failure=OOPS)])
    bench.hands.pass_time(30)

    staged = await bench.store.stage(100)

    assert staged.jobs == 2
    assert staged.next_due_seconds == pytest.approx(970, abs=60)
    assert await bench.state(due) is JobState.AVAILABLE
    assert await bench.state(failed.id) is JobState.AVAILABLE
    assert await bench.state(later) is JobState.SCHEDULED


async def test_with_nothing_to_wait_for_there_is_no_next_due_time(bench: Bench) -> None:
    await bench.finish()
    await bench.add()

    staged = await bench.store.stage(100)

    assert (staged.jobs, staged.next_due_seconds) == (0, None)


async def test_stage_takes_no_more_than_its_limit_and_says_that_there_are_more(
    bench: Bench,
) -> None:
    await bench.add(5, delay_seconds=10.0)
    bench.hands.pass_time(11)

    first, second, third = [await bench.store.stage(2) for _ in range(3)]

    assert [first.jobs, second.jobs, third.jobs] == [2, 2, 1]
    assert (first.next_due_seconds, second.next_due_seconds) == (0, 0)
    assert third.next_due_seconds is None


async def test_what_was_due_first_is_staged_first(bench: Bench) -> None:
    (second,) = await bench.add(delay_seconds=20.0)
    (first,) = await bench.add(delay_seconds=10.0)
    bench.hands.pass_time(30)

    await bench.store.stage(1)

    assert await bench.state(first) is JobState.AVAILABLE
    assert await bench.state(second) is JobState.SCHEDULED


async def test_old_final_jobs_go_when_the_retention_of_their_state_is_over(bench: Bench) -> None:
    completed = await bench.finish()
    cancelled = await bench.finish(JobState.CANCELLED)
    discarded = await bench.finish(JobState.DISCARDED)
    (waiting,) = await bench.add()
    bench.hands.pass_time(2 * DAY)

    pruned = await bench.store.prune(Retention(DAY, 3 * DAY, None), 100)

    assert pruned == 1
    with pytest.raises(JobNotFound):
        await bench.store.get(completed)
    assert await bench.state(cancelled) is JobState.CANCELLED
    assert await bench.state(discarded) is JobState.DISCARDED
    assert await bench.state(waiting) is JobState.AVAILABLE


async def test_prune_deletes_no_more_than_its_limit_at_a_time(bench: Bench) -> None:
    for _ in range(3):
        await bench.finish()
    await bench.finish(JobState.DISCARDED)
    bench.hands.pass_time(2 * DAY)
    retention = Retention(DAY, DAY, DAY)

    assert [await bench.store.prune(retention, 3) for _ in range(3)] == [3, 1, 0]


async def test_what_is_kept_for_ever_is_never_pruned(bench: Bench) -> None:
    await bench.finish()
    bench.hands.pass_time(10_000 * DAY)

    assert await bench.store.prune(Retention(None, None, None), 100) == 0


async def test_the_failures_of_a_pruned_job_go_with_it(bench: Bench) -> None:
    job = await bench.run_one()
    await bench.store.ack([ack_of(job, JobState.DISCARDED, failure=OOPS)])
    bench.hands.pass_time(8 * DAY)

    assert await bench.store.prune(Retention(), 100) == 1


async def test_nodes_go_a_day_after_their_end_unless_they_hold_jobs(bench: Bench) -> None:
    await bench.add()
    holding = await bench.node(name="holding:1")
    await bench.claim(holding)
    await bench.node(name="empty:1")
    bench.hands.pass_time(2 * DAY)
    young = await bench.node(name="young:1")
    await bench.store.leave(young)

    await bench.store.prune(Retention(), 100)

    assert {node.name for node in await bench.store.nodes()} == {"holding:1", "young:1"}


async def test_one_node_leads_at_a_time(bench: Bench) -> None:
    one, two = await bench.node(), await bench.node()

    first = await bench.store.elect(one, 15)
    refused = await bench.store.elect(two, 15)

    assert (first.number, first.held, first.expires_seconds) == (1, True, 15)
    assert (refused.number, refused.held) == (1, False)
    assert 0 < refused.expires_seconds <= 15


async def test_the_leader_prolongs_its_term(bench: Bench) -> None:
    one, two = await bench.node(300), await bench.node(300)
    await bench.store.elect(one, 15)
    bench.hands.pass_time(10)
    again = await bench.store.elect(one, 15)
    bench.hands.pass_time(10)

    assert (again.number, again.held) == (1, True)
    assert not (await bench.store.elect(two, 15)).held


async def test_a_term_that_ran_out_is_open_to_all_and_the_next_has_a_new_number(
    bench: Bench,
) -> None:
    one, two = await bench.node(300), await bench.node(300)
    await bench.store.elect(one, 15)
    bench.hands.pass_time(16)

    second = await bench.store.elect(two, 15)

    assert (second.number, second.held) == (2, True)
    assert not (await bench.store.elect(one, 15)).held


async def test_a_leader_that_comes_late_begins_a_new_term(bench: Bench) -> None:
    one = await bench.node(300)
    await bench.store.elect(one, 15)
    bench.hands.pass_time(16)

    assert (await bench.store.elect(one, 15)).number == 2


async def test_who_resigns_makes_room_at_once(bench: Bench) -> None:
    one, two = await bench.node(), await bench.node()
    await bench.store.elect(one, 15)
    await bench.store.resign(two)
    assert not (await bench.store.elect(two, 15)).held

    await bench.store.resign(one)

    assert (await bench.store.elect(two, 15)).held


async def test_a_leader_whose_term_is_over_changes_nothing(bench: Bench) -> None:
    leader = await bench.node(10 * DAY)
    old = await bench.finish()
    lost = await bench.run_one()
    (due,) = await bench.add(delay_seconds=5)
    over = await bench.store.elect(leader, 15)
    bench.hands.pass_time(2 * DAY)

    assert (await bench.store.stage(10, over.number)).jobs == 0
    assert (await bench.store.rescue(10, over.number)).jobs == 0
    assert await bench.store.prune(Retention(), 10, over.number) == 0
    assert await bench.state(due) is JobState.SCHEDULED
    assert await bench.state(lost.id) is JobState.RUNNING
    assert await bench.state(old) is JobState.COMPLETED

    now = await bench.store.elect(leader, 15)
    assert (await bench.store.stage(10, now.number)).jobs == 1
    assert (await bench.store.rescue(10, now.number)).jobs == 1
    assert await bench.store.prune(Retention(), 10, now.number) == 1


async def test_a_node_without_a_lease_is_not_elected(bench: Bench) -> None:
    node = await bench.node(lease_seconds=30)
    bench.hands.pass_time(31)

    term = await bench.store.elect(node, 15)

    assert (term.number, term.held, term.expires_seconds) == (0, False, 0)
