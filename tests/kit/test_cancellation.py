"""Rules C1 and C2 of actors/kit/supervisor.py: cancelled from outside, or told to end."""

import signal

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.kit import ChildCrashed, ChildStuck, Life, Supervisor, run_supervised
from actors.kit.incarnation import host
from tests.kit.stage import (
    Crash,
    Stage,
    crash_after,
    drain,
    ignore_cancellation,
    ignore_stop,
    start_slowly,
)


async def test_cancelled_from_outside_children_are_cancelled_in_reverse_order(
    stage: Stage,
) -> None:
    inner = Supervisor(
        "inner", [stage.child("b", ignore_cancellation(1)), stage.child("c", drain(9))]
    )
    top = Supervisor(
        "top",
        [
            stage.child("a", ignore_cancellation(1)),
            inner.spec(),
            stage.child("d", ignore_cancellation(1)),
        ],
    )

    with trio.move_on_after(10) as scope:
        await run_supervised(top.spec())

    assert scope.cancelled_caught
    assert stage.lines[-4:] == [(11, "-d"), (11, "-c"), (12, "-b"), (13, "-a")]
    assert stage.alive == []


async def test_a_supervisor_run_as_a_plain_function_passes_cancelled_on(stage: Stage) -> None:
    top = Supervisor(
        "top", [stage.child("a", ignore_cancellation(1)), stage.child("b", ignore_cancellation(1))]
    )

    with trio.move_on_after(10) as scope:
        await top.run(Life("top"))

    assert scope.cancelled_caught
    assert stage.lines[-2:] == [(11, "-b"), (12, "-a")]


async def test_cancelled_during_the_start_it_takes_back_what_was_started(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a"), stage.child("b", start_slowly(100))])

    with trio.move_on_after(10) as scope:
        await run_supervised(top.spec())

    assert scope.cancelled_caught
    assert stage.lines == [(0, "+a"), (0, "+b"), (10, "-b"), (10, "-a")]


async def test_cancelled_during_an_ordered_stop_the_rest_is_cancelled(stage: Stage) -> None:
    stop = trio.Event()
    children = [stage.child(name, ignore_stop, shutdown_seconds=60) for name in "abc"]

    with trio.move_on_after(10) as scope:
        async with trio.open_nursery() as nursery:

            async def run() -> None:
                await run_supervised(Supervisor("top", children).spec(), stop=stop)

            nursery.start_soon(run)
            await trio.sleep(1)
            stop.set()

    assert scope.cancelled_caught
    assert stage.lines[3:] == [(10, "-c"), (10, "-b"), (10, "-a")]


async def test_cancelled_during_a_backoff_it_ends_at_once(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a", crash_after(1))], backoff=lambda n: 100.0)

    with trio.move_on_after(10) as scope:
        await run_supervised(top.spec())

    assert scope.cancelled_caught
    assert stage.now == 10


async def test_crashes_and_stuck_children_are_reported_while_cancelled(stage: Stage) -> None:
    async def crash_when_cancelled(life: Life) -> None:
        try:
            await ignore_stop(life)
        finally:
            raise ValueError("while cleaning up")

    children = [stage.child("a", ignore_cancellation(60)), stage.child("b", crash_when_cancelled)]
    top = Supervisor("top", children, observe=stage.observe)

    with trio.move_on_after(10) as scope:
        await run_supervised(top.spec())

    assert scope.cancelled_caught
    assert stage.lines[2:] == [(10, "-b"), (70, "-a")]
    assert [event.name for event in stage.events_of(ChildCrashed)] == ["top/b"]
    assert [event.name for event in stage.events_of(ChildStuck)] == ["top/a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
async def test_an_order_to_end_from_a_child_cancels_all_and_is_passed_up(
    stage: Stage, error: BaseException
) -> None:
    inner = Supervisor(
        "inner", [stage.child("b", drain(4)), stage.child("c", crash_after(1, error))]
    )
    top = Supervisor("top", [stage.child("a", ignore_cancellation(1)), inner.spec()])

    with pytest.raises(type(error)) as caught:
        await run_supervised(top.spec())

    assert caught.value is error
    assert stage.lines[3:] == [(1, "-c"), (1, "-b"), (2, "-a")]


async def test_a_group_with_an_order_to_end_is_no_crash_either(stage: Stage) -> None:
    group = BaseExceptionGroup("of a nursery", [KeyboardInterrupt(), ValueError()])
    top = Supervisor("top", [stage.child("a", crash_after(1, group))])

    with pytest.raises(BaseExceptionGroup) as caught:
        await run_supervised(top.spec())

    assert caught.value is group


async def test_an_order_to_end_during_an_ordered_stop_cancels_the_rest(stage: Stage) -> None:
    async def exit_when_stopped(life: Life) -> None:
        life.started()
        await life.wait_stopping()
        raise SystemExit(3)

    children = [stage.child("a", ignore_stop), stage.child("b", exit_when_stopped)]

    with pytest.raises(BaseExceptionGroup) as caught:  # from the nursery of the test
        async with stage.running(Supervisor("top", children)):
            await trio.sleep(1)

    assert caught.group_contains(SystemExit, depth=1)
    assert stage.lines[2:] == [(1, "-b"), (1, "-a")]


async def test_a_second_order_to_end_cancels_all_the_rest_at_once(stage: Stage) -> None:
    async def exit_when_cancelled(life: Life) -> None:
        try:
            await ignore_stop(life)
        finally:
            raise SystemExit(4)

    children = [
        stage.child("a", ignore_cancellation(2)),
        stage.child("b", ignore_cancellation(2)),
        stage.child("c", exit_when_cancelled),
        stage.child("d", crash_after(1, SystemExit(3))),
    ]

    with pytest.raises(SystemExit) as caught:
        await run_supervised(Supervisor("top", children).spec())

    assert caught.value.code == 4
    assert sorted(stage.lines[6:]) == [(3, "-a"), (3, "-b")]
    assert stage.alive == []


async def test_an_error_is_not_lost_to_a_cancellation_on_the_way_out() -> None:
    async def conduct(nursery: trio.Nursery) -> None:
        nursery.start_soon(trio.sleep_forever)
        await wait_all_tasks_blocked()
        outside.cancel()
        raise Crash

    with pytest.raises(Crash), trio.CancelScope() as outside:
        await host(conduct)


def test_ctrl_c_reaches_the_root_and_cancels_the_tree_in_reverse_order() -> None:
    """For real: the OS signal, in trio's own delivery, which goes to the main task."""
    stage = Stage()

    @trio.lowlevel.enable_ki_protection
    def press_ctrl_c() -> None:
        signal.raise_signal(signal.SIGINT)

    async def busy(life: Life) -> None:
        life.started()
        await trio.sleep(1)
        press_ctrl_c()
        await trio.sleep_forever()

    inner = Supervisor("inner", [stage.child("b", ignore_cancellation(1)), stage.child("c", busy)])
    top = Supervisor("top", [stage.child("a", ignore_cancellation(1)), inner.spec()])

    with pytest.raises(KeyboardInterrupt):
        trio.run(run_supervised, top.spec(), clock=MockClock(autojump_threshold=0))

    assert stage.lines[3:] == [(1, "-c"), (2, "-b"), (3, "-a")]
