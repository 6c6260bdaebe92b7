"""A child's own view: Life, without a supervisor; and the root of a tree: run_supervised."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors.kit import ChildCrashed, ChildCutOff, ChildStarted, ChildStopped, Life, run_supervised
from tests.kit.stage import (
    Crash,
    Stage,
    crash_after,
    fail_start_after,
    ignore_cancellation,
    ignore_stop,
    return_after,
    start_slowly,
)


async def test_started_tells_once() -> None:
    calls: list[str] = []
    life = Life("a", on_started=lambda: calls.append("started"))

    life.started()
    life.started()

    assert calls == ["started"]


async def test_a_life_is_stopping_once_asked() -> None:
    life = Life("node/a")
    assert (life.stopping, repr(life)) == (False, "<Life of node/a>")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(life.wait_stopping)
        await wait_all_tasks_blocked()
        life.ask_to_stop()

    assert (life.stopping, repr(life)) == (True, "<Life of node/a (stopping)>")


async def test_a_stop_scope_cancels_its_body_when_stopping_is_set() -> None:
    life = Life("a")

    async with trio.open_nursery() as nursery:

        async def body() -> None:
            with life.stop_scope() as scope:
                await trio.sleep_forever()
            assert scope.cancelled_caught

        nursery.start_soon(body)
        await wait_all_tasks_blocked()
        life.ask_to_stop()


async def test_a_stop_scope_opened_after_the_stop_is_cancelled_at_once() -> None:
    life = Life("a")
    life.ask_to_stop()

    with life.stop_scope() as scope:
        await trio.sleep_forever()

    assert scope.cancelled_caught


async def test_a_stop_scope_lets_errors_out_as_they_are_and_ends_with_its_body() -> None:
    life = Life("a")

    with pytest.raises(Crash), life.stop_scope():
        raise Crash
    life.ask_to_stop()

    await trio.lowlevel.checkpoint()  # which nothing cancels


async def test_a_root_runs_until_it_is_done(stage: Stage) -> None:
    await run_supervised(stage.child("a", return_after(3)), observe=stage.observe)

    assert stage.now == 3
    assert stage.events == [ChildStarted("a"), ChildStopped("a")]


async def test_a_root_that_is_asked_to_stop_has_its_shutdown_seconds(stage: Stage) -> None:
    stop = trio.Event()
    root = stage.child("a", ignore_stop, shutdown_seconds=3)

    async with trio.open_nursery() as nursery:

        async def run() -> None:
            await run_supervised(root, stop=stop, observe=stage.observe)

        nursery.start_soon(run)
        await trio.sleep(1)
        stop.set()

    assert stage.lines == [(0, "+a"), (4, "-a")]
    assert stage.events == [ChildStarted("a"), ChildCutOff("a", 3), ChildStopped("a")]


async def test_what_a_root_raises_is_raised_as_it_is(stage: Stage) -> None:
    with pytest.raises(Crash):
        await run_supervised(stage.child("a", crash_after(1)), observe=stage.observe)

    assert [event.name for event in stage.events_of(ChildCrashed)] == ["a"]


async def test_a_root_is_not_started_until_it_says_so(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(run_supervised, stage.child("a", start_slowly(2)))
        assert stage.now == 2
        nursery.cancel_scope.cancel()

    assert stage.alive == []


async def test_a_root_that_fails_to_start_raises_where_it_was_started(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(Crash):
            await nursery.start(run_supervised, stage.child("a", fail_start_after(2)))


async def test_a_cancelled_root_is_awaited_before_cancelled_goes_on(stage: Stage) -> None:
    with trio.move_on_after(1) as scope:
        await run_supervised(stage.child("a", ignore_cancellation(2)), observe=stage.observe)

    assert scope.cancelled_caught
    assert stage.lines == [(0, "+a"), (3, "-a")]


async def test_a_root_may_be_any_actor(stage: Stage) -> None:
    with trio.move_on_after(1):
        await run_supervised(stage.child("a", ignore_stop))

    assert stage.now == 1
