"""A Tenure when its child, its seat and the Acker do things at the worst moment."""

from __future__ import annotations

import time

import pytest
import trio
import trio.testing

from actors.child import ChildExit
from actors.tenure_settings import TenureSettings
from runtime import wire
from tests.actors.puppet import Stage, claimed


@pytest.mark.usefixtures("bench")
async def test_runs_taken_back_are_dealt_again_though_a_new_one_begins_at_once() -> None:
    """While the take-back settles, the long run ends, and a job that was on its way is begun."""
    stage = Stage()
    puppet = stage.puppet

    def take_back() -> None:
        puppet.say(puppet.done(1))
        stage.seat.give([claimed(6)])
        puppet.on_run = lambda run: puppet.begin(run.seq)

    puppet.on_take_back = take_back
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(n) for n in (1, 2, 3, 4, 5)])
        await trio.testing.wait_all_tasks_blocked()
        puppet.begin(1)
        await trio.sleep(1)
        assert [job.run_number for job in stage.again] == [2, 3, 4, 5]
        assert len(stage.tenure.runs) == 1
        puppet.say(puppet.done(6))
        await trio.sleep(1)
        assert stage.ledger.outcomes() == [(1, "Completed"), (6, "Completed")]
        puppet.hang_up()


@pytest.mark.usefixtures("bench")
async def test_an_async_run_whose_beginning_was_not_yet_heard_of_is_not_dealt_again() -> None:
    stage = Stage(TenureSettings(is_async=True))
    puppet = stage.puppet
    puppet.on_run = lambda run: puppet.begin(run.seq)  # and its Started frame is under way
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(1), claimed(2)])
        await trio.testing.wait_all_tasks_blocked()
        await stage.tenure.retire()
        assert stage.again == []
        puppet.say(
            *(wire.Started(seq, time.monotonic_ns()) for seq in (1, 2)),
            puppet.done(1),
            puppet.done(2),
        )
        await stage.tenure.wait_idle()
        assert stage.ledger.outcomes() == [(1, "Completed"), (2, "Completed")]
        puppet.hang_up()


@pytest.mark.usefixtures("bench")
async def test_an_async_run_that_dies_before_its_beginning_was_heard_of_is_counted() -> None:
    stage = Stage(TenureSettings(is_async=True))
    puppet = stage.puppet
    puppet.on_run = lambda run: puppet.begin(run.seq)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(1)])
        await trio.testing.wait_all_tasks_blocked()
        puppet.die(ChildExit(puppet.pid, signal="SIGSEGV", cause="signal"))
    assert stage.again == []
    assert stage.ledger.outcomes() == [(1, "Failed")]


@pytest.mark.usefixtures("bench")
async def test_a_run_that_ended_in_time_is_not_late_because_the_acker_is() -> None:
    """The Acker has no room for more, as when the database is slow, for longer than the timeout."""
    stage = Stage(TenureSettings(timeout_seconds=1.0, grace_seconds=1.0))
    puppet = stage.puppet
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(1), claimed(2)])
        await trio.testing.wait_all_tasks_blocked()
        stage.ledger.roomy = trio.Event()
        for seq in (1, 2):
            puppet.begin(seq)
            puppet.say(puppet.done(seq))
            await trio.sleep(0.01)
        for number in (3, 4):
            stage.seat.give([claimed(number)])
            await trio.sleep(3)
        assert not puppet.was_killed()
        assert stage.ledger.outcomes() == [(1, "Completed"), (2, "Completed")]
        assert list(puppet.handed) == [1, 2, 3], "the next ones wait for room"
        stage.ledger.roomy.set()
        await trio.sleep(0.01)
        assert list(puppet.handed) == [1, 2, 3, 4]
        puppet.hang_up()


@pytest.mark.usefixtures("bench")
async def test_what_was_heard_before_garbage_is_settled() -> None:
    stage = Stage()
    puppet = stage.puppet
    puppet.on_run = lambda run: puppet.begin(run.seq)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(1), claimed(2)])
        await trio.testing.wait_all_tasks_blocked()
        puppet.say(puppet.done(1), wire.Hello(1))
        await trio.sleep(1)
    assert puppet.was_killed()
    assert stage.ledger.outcomes() == [(1, "Completed"), (2, "Failed")]


@pytest.mark.usefixtures("bench")
async def test_a_child_that_begins_nothing_is_killed_and_its_jobs_go_on_elsewhere() -> None:
    """Such as one that was stopped, or in which a thread of the last handler holds the GIL."""
    stage = Stage()
    puppet = stage.puppet
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        await trio.sleep(1000)
        stage.seat.give([claimed(1), claimed(2)])
        await trio.sleep(9)
        assert not puppet.was_killed()
        await trio.sleep(3)
        assert puppet.was_killed()
    assert [job.run_number for job in stage.again] == [1, 2]
    assert stage.ledger.settled == []


@pytest.mark.usefixtures("bench")
async def test_a_child_is_given_time_to_begin_the_next_run_after_a_long_one() -> None:
    stage = Stage()
    puppet = stage.puppet
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(1)])
        await trio.testing.wait_all_tasks_blocked()
        puppet.begin(1)
        await trio.sleep(100)
        puppet.say(puppet.done(1))
        stage.seat.give([claimed(2)])
        await trio.sleep(5)
        puppet.begin(2)
        await trio.sleep(100)
        assert not puppet.was_killed()
        puppet.hang_up()
    assert stage.ledger.outcomes() == [(1, "Completed"), (2, "Failed")]


@pytest.mark.usefixtures("bench")
async def test_a_run_that_ended_just_before_the_next_one_wrote_garbage_has_ended() -> None:
    stage = Stage()
    puppet = stage.puppet
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(1), claimed(2)])
        await trio.testing.wait_all_tasks_blocked()
        puppet.begin(2)
        puppet.say_bytes(wire.encode(puppet.done(1)) + b"\xff" * 8)  # in one piece
    assert puppet.was_killed()
    assert stage.ledger.outcomes() == [(1, "Completed"), (2, "Failed")]


@pytest.mark.usefixtures("bench")
async def test_a_death_with_the_fork_server_is_told_as_such_though_the_stream_ended_first() -> None:
    stage = Stage()
    puppet = stage.puppet
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(1)])
        await trio.testing.wait_all_tasks_blocked()
        puppet.begin(1)
        puppet.end_as = ChildExit(puppet.pid, signal="SIGKILL", cause="server", server_died=True)
        puppet.say_no_more()
        await trio.sleep(1)
    (settled,) = stage.ledger.settled
    assert "died with its fork server" in settled.outcome.failure.message  # type: ignore[union-attr]


@pytest.mark.usefixtures("bench")
async def test_a_death_that_came_before_the_kill_is_told_as_its_own() -> None:
    """The stream ended first, and the child was taken for one that had closed it."""
    stage = Stage()
    puppet = stage.puppet
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(1)])
        await trio.testing.wait_all_tasks_blocked()
        puppet.begin(1)
        puppet.end_as = ChildExit(puppet.pid, signal="SIGKILL", cause="signal")
        puppet.say_no_more()
        await trio.sleep(1)
    (settled,) = stage.ledger.settled
    assert "which this node did not send" in settled.outcome.failure.message  # type: ignore[union-attr]


@pytest.mark.usefixtures("bench")
async def test_what_was_handed_ahead_is_not_dealt_again_once_the_lease_is_over() -> None:
    """Others may run it by now; and places here may be open still, or again, under another one."""
    stage = Stage()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.tenure.run)
        stage.seat.give([claimed(1), claimed(2)])
        await trio.testing.wait_all_tasks_blocked()
        stage.puppet.begin(1)
        stage.tenure.halt()
    assert stage.again == []
    assert sorted(stage.ledger.outcomes()) == [(1, "GivenBack"), (2, "GivenBack")]
