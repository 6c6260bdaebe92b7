"""Rules T1 to T5 of actors/kit/supervisor.py: the ordered stop."""

import pytest
import trio

from actors.kit import (
    ChildCrashed,
    ChildCutOff,
    ChildRestarting,
    ChildStopped,
    ChildStuck,
    Event,
    Life,
    Strategy,
    Supervisor,
    run_supervised,
)
from actors.kit.incarnation import STUCK_SECONDS, Incarnation
from tests.kit.stage import (
    Stage,
    crash_after,
    crash_when_stopped,
    drain,
    ignore_cancellation,
    ignore_stop,
    serve,
)


async def test_children_stop_in_reverse_order_each_with_its_own_deadline(stage: Stage) -> None:
    children = [
        stage.child("a", drain(2)),
        stage.child("b", ignore_stop, shutdown_seconds=3),
        stage.child("c", drain(100), shutdown_seconds=0),
        stage.child("d", drain(4.9)),
    ]
    top = Supervisor("top", children, observe=stage.observe)

    async with stage.running(top):
        stage.forget()

    assert stage.lines == [(4.9, "-d"), (4.9, "-c"), (7.9, "-b"), (9.9, "-a")]
    assert stage.events == [
        ChildStopped("top/d"),
        ChildStopped("top/c"),
        ChildCutOff("top/b", 3),
        ChildStopped("top/b"),
        ChildStopped("top/a"),
        ChildStopped("top"),
    ]


async def test_a_tree_stops_in_the_reverse_of_its_reading_order(stage: Stage) -> None:
    inner = Supervisor("inner", [stage.child("b", drain(4)), stage.child("c", drain(4))])
    children = [stage.child("a", drain(4)), inner.spec(), stage.child("d", drain(4))]

    async with stage.running(Supervisor("top", children)):
        stage.forget()

    assert stage.lines == [(4, "-d"), (8, "-c"), (12, "-b"), (16, "-a")]


async def test_a_crash_during_the_stop_is_reported_and_stops_nothing(stage: Stage) -> None:
    children = [
        stage.child("a", drain(1)),
        stage.child("b", crash_when_stopped),
        stage.child("c", drain(1)),
    ]
    top = Supervisor("top", children, observe=stage.observe)

    async with stage.running(top):
        stage.forget()

    assert stage.lines == [(1, "-c"), (1, "-b"), (2, "-a")]
    assert [event.name for event in stage.events_of(ChildCrashed)] == ["top/b"]


async def test_a_child_that_crashes_while_others_stop_is_not_restarted(stage: Stage) -> None:
    children = [stage.child("a", crash_after(1)), stage.child("b", drain(3))]
    top = Supervisor("top", children, observe=stage.observe)

    async with stage.running(top):
        stage.forget()

    assert stage.lines == [(1, "-a"), (3, "-b")]
    assert [event.name for event in stage.events_of(ChildCrashed)] == ["top/a"]


async def test_a_stop_ends_a_backoff(stage: Stage) -> None:
    children = [stage.child("a", drain(1)), stage.child("b", crash_after(1))]

    async with stage.running(Supervisor("top", children, backoff=lambda n: 100.0)):
        stage.forget()
        await trio.sleep(2)

    assert stage.lines == [(1, "-b"), (3, "-a")]


async def test_a_stop_while_a_group_is_taken_down_restarts_nothing(stage: Stage) -> None:
    children = [
        stage.child("a", crash_after(1)),
        stage.child("b", drain(2)),
        stage.child("c", drain(2)),
    ]

    top = Supervisor("top", children, strategy=Strategy.ONE_FOR_ALL, observe=stage.observe)

    async with stage.running(top):
        stage.forget()
        await trio.sleep(2)

    assert stage.lines == [(1, "-a"), (3, "-c"), (5, "-b")]
    assert stage.events_of(ChildRestarting) == []


async def test_a_child_that_ignores_its_cancellation_is_reported_and_waited_for(
    stage: Stage,
) -> None:
    stubborn = stage.child("b", ignore_cancellation(60), shutdown_seconds=3)
    top = Supervisor("top", [stage.child("a"), stubborn], observe=stage.observe)

    async with stage.running(top):
        stage.forget()

    assert stage.lines == [(63, "-b"), (63, "-a")]
    assert stage.events[:3] == [
        ChildCutOff("top/b", 3),
        ChildStuck("top/b", STUCK_SECONDS),
        ChildStopped("top/b"),
    ]


async def test_a_child_asked_to_stop_before_its_first_step_is_not_begun(stage: Stage) -> None:
    incarnation = Incarnation(stage.child("a"), "top/a", stage.observe, lambda: None)

    incarnation.ask_to_stop(5)
    await incarnation.run()

    assert stage.lines == []
    assert incarnation.error is None


async def test_a_supervisor_may_run_again_but_not_twice_at_once(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a")])

    for _ in range(2):
        async with stage.running(top):
            with pytest.raises(RuntimeError, match="running already"):
                await top.run(Life("other"))

    assert stage.texts == ["+a", "-a", "+a", "-a"]


async def test_an_observer_that_raises_does_not_leave_children_behind(stage: Stage) -> None:
    def observe(event: Event) -> None:
        if isinstance(event, ChildCrashed):
            raise ZeroDivisionError

    children = [stage.child("a", serve), stage.child("b", crash_after(1))]

    with pytest.raises(ZeroDivisionError):
        await run_supervised(Supervisor("top", children, observe=observe).spec())

    assert stage.lines == [(0, "+a"), (0, "+b"), (1, "-b"), (1, "-a")]
