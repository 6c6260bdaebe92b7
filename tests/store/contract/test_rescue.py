"""Leases: join, renew, leave, rescue."""

from __future__ import annotations

import attrs
import pytest

from actors.store.protocol import NodeProcess
from runtime.lifecycle import JobState
from tests.store.harness import Bench, ack_of, node_info


async def test_every_node_has_an_id_of_its_own(bench: Bench) -> None:
    first, second = await bench.node(), await bench.node()

    assert first != second


async def test_a_lease_can_be_renewed_while_it_lasts(bench: Bench) -> None:
    node = await bench.node(lease_seconds=30)
    for _ in range(3):
        bench.hands.pass_time(20)
        assert await bench.store.renew(node, 30)

    assert (await bench.store.rescue(100)).nodes == ()


async def test_a_lease_that_ran_out_cannot_be_had_again(bench: Bench) -> None:
    node = await bench.node(lease_seconds=30)
    bench.hands.pass_time(31)

    assert not await bench.store.renew(node, 30)
    assert not await bench.store.renew(node, 30)


async def test_a_node_that_left_or_never_was_cannot_renew(bench: Bench) -> None:
    node = await bench.node()
    await bench.store.leave(node)
    await bench.store.leave(node)

    assert not await bench.store.renew(node, 30)
    assert not await bench.store.renew(987_654, 30)


async def test_the_jobs_of_a_dead_node_are_given_back(bench: Bench) -> None:
    await bench.add(3)
    dead = await bench.node(lease_seconds=30, name="dead:1")
    alive = await bench.node(lease_seconds=300)
    first, second = await bench.claim(dead, places=2)
    (third,) = await bench.claim(alive)
    bench.hands.pass_time(31)

    rescued = await bench.store.rescue(100)

    assert (rescued.nodes, rescued.jobs, rescued.discarded) == (("dead:1",), 2, 0)
    assert rescued.next_expiry_seconds == pytest.approx(269, abs=60)
    for job in (first, second):
        shown = await bench.store.get(job.id)
        assert (shown.state, shown.attempt, shown.node) == (JobState.AVAILABLE, 1, None)
        (failure,) = shown.failures
        assert (failure.error_class, failure.node) == ("NodeLost", "dead:1")
        assert "dead:1" in failure.message
        assert (failure.run_number, failure.attempt) == (1, 1)
    assert await bench.state(third.id) is JobState.RUNNING


async def test_the_outcome_of_a_rescued_run_is_stale(bench: Bench) -> None:
    await bench.add()
    (job,) = await bench.claim(await bench.node(lease_seconds=30))
    bench.hands.pass_time(31)
    await bench.store.rescue(100)

    acked = await bench.store.ack([ack_of(job)])

    assert acked.stale == ((job.id, 1),)
    assert await bench.state(job.id) is JobState.AVAILABLE


async def test_an_outcome_in_time_leaves_nothing_to_rescue(bench: Bench) -> None:
    await bench.add()
    (job,) = await bench.claim(await bench.node(lease_seconds=30))
    bench.hands.pass_time(31)

    assert (await bench.store.ack([ack_of(job)])).written == 1

    assert (await bench.store.rescue(100)).jobs == 0


async def test_a_job_that_used_up_its_attempts_with_its_node_is_discarded(bench: Bench) -> None:
    await bench.add(max_attempts=1)
    (job,) = await bench.claim(await bench.node(lease_seconds=30))
    bench.hands.pass_time(31)

    rescued = await bench.store.rescue(100)

    assert (rescued.jobs, rescued.discarded) == (1, 1)
    shown = await bench.store.get(job.id)
    assert shown.state is JobState.DISCARDED
    assert [row.error_class for row in shown.failures] == ["NodeLost"]


async def test_a_job_whose_cancellation_was_requested_is_cancelled_by_rescue(
    bench: Bench,
) -> None:
    await bench.add(max_attempts=1)
    (job,) = await bench.claim(await bench.node(lease_seconds=30))
    await bench.store.cancel(job.id)
    bench.hands.pass_time(31)

    rescued = await bench.store.rescue(100)

    assert (rescued.jobs, rescued.discarded) == (1, 0)
    assert await bench.state(job.id) is JobState.CANCELLED


async def test_rescue_gives_back_no_more_than_its_limit_at_a_time(bench: Bench) -> None:
    await bench.add(5)
    await bench.claim(await bench.node(lease_seconds=30, name="one:1"), places=3)
    await bench.claim(await bench.node(lease_seconds=30, name="two:2"))
    bench.hands.pass_time(31)

    jobs = [(await bench.store.rescue(2)).jobs for _ in range(4)]

    assert jobs == [2, 2, 1, 0]
    assert (await bench.store.counts())[JobState.AVAILABLE] == 5


async def test_what_a_node_holds_when_it_leaves_is_rescued_at_once(bench: Bench) -> None:
    await bench.add()
    node = await bench.node(name="left:1")
    await bench.claim(node)
    await bench.store.leave(node)

    rescued = await bench.store.rescue(100)

    assert (rescued.nodes, rescued.jobs) == (("left:1",), 1)


async def test_a_node_that_dies_idle_is_found_once(bench: Bench) -> None:
    await bench.node(lease_seconds=30, name="idle:1")
    bench.hands.pass_time(31)

    assert (await bench.store.rescue(100)).nodes == ("idle:1",)
    assert (await bench.store.rescue(100)).nodes == ()


async def test_with_nobody_alive_there_is_no_next_expiry(bench: Bench) -> None:
    assert (await bench.store.rescue(100)).next_expiry_seconds is None
    await bench.node(lease_seconds=30)
    assert (await bench.store.rescue(100)).next_expiry_seconds == pytest.approx(30, abs=29)


async def test_nodes_are_shown_the_living_first(bench: Bench) -> None:
    await bench.add(2)
    dead = await bench.node(lease_seconds=10, name="dead:1")
    bench.hands.pass_time(11)
    old = await bench.node(name="old:1")
    new = await bench.node(name="new:1")
    await bench.claim(old)
    await bench.store.elect(old, 60)
    await bench.store.declare_kinds(old, ["kind", "other"])

    nodes = await bench.store.nodes()

    assert [node.id for node in nodes] == [new, old, dead]
    assert [node.live for node in nodes] == [True, True, False]
    assert [node.running for node in nodes] == [0, 2, 0]
    assert [node.leader for node in nodes] == [False, True, False]
    assert [node.kinds for node in nodes] == [None, ("kind", "other"), None]
    assert (nodes[0].name, nodes[0].host, nodes[0].pid) == ("new:1", "host", 1)
    assert (nodes[0].queues, nodes[0].workers, nodes[0].version) == (("default",), 2, "0.1")


async def test_neighbours_are_the_nodes_of_the_same_boot_that_have_not_ended(bench: Bench) -> None:
    me = await bench.node(name="me")
    other = await bench.node(name="other")
    gone = await bench.node(name="gone")
    await bench.store.leave(gone)
    elsewhere = attrs.evolve(node_info("elsewhere"), boot_id="another boot")
    await bench.store.join(elsewhere, 30.0)
    (neighbour,) = await bench.store.neighbours(me)
    assert neighbour == NodeProcess(other, 1, "0")
    assert await bench.store.neighbours(987_654) == []
