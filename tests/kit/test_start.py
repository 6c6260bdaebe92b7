"""Rules S1 to S4 of actors/kit/supervisor.py, and the stop in the midst of a start (T2)."""

import pytest
import trio

from actors.kit import (
    ChildStarted,
    ChildStartFailed,
    ChildStartTimedOut,
    Restart,
    Strategy,
    Supervisor,
    run_supervised,
)
from tests.kit.stage import (
    Crash,
    Scene,
    Stage,
    crash_after,
    drain,
    fail_start_after,
    return_after,
    serve,
    start_slowly,
)


@pytest.mark.parametrize("strategy", Strategy)
async def test_each_child_starts_when_the_one_before_has_started(
    stage: Stage, strategy: Strategy
) -> None:
    children = [stage.child(name, start_slowly(2)) for name in "abc"]

    async with stage.running(Supervisor("top", children, strategy=strategy)):
        assert stage.now == 6
        assert stage.lines == [(0, "+a"), (2, "+b"), (4, "+c")]


async def test_a_tree_starts_depth_first_in_reading_order(stage: Stage) -> None:
    inner = Supervisor(
        "inner",
        [stage.child("b", start_slowly(1)), stage.child("c", start_slowly(1))],
        observe=stage.observe,
    )
    top = Supervisor(
        "top", [stage.child("a"), inner.spec(), stage.child("d")], observe=stage.observe
    )

    async with stage.running(top):
        assert stage.lines == [(0, "+a"), (0, "+b"), (1, "+c"), (2, "+d")]
        assert [event.name for event in stage.events_of(ChildStarted)] == [
            "top/a",
            "top/inner/b",
            "top/inner/c",
            "top/inner",
            "top/d",
            "top",
        ]


async def test_a_supervisor_without_children_is_started_at_once(stage: Stage) -> None:
    async with stage.running(Supervisor("top", [])):
        assert stage.now == 0


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
async def test_a_child_may_do_its_work_by_starting_and_return(
    stage: Stage, restart: Restart
) -> None:
    once = stage.child("migrate", return_after(3, started=False), restart=restart)

    async with stage.running(Supervisor("top", [once, stage.child("b")])):
        assert stage.lines == [(0, "+migrate"), (3, "-migrate"), (3, "+b")]


@pytest.mark.parametrize("restart", Restart)
async def test_a_failed_first_start_stops_those_before_in_reverse_and_raises(
    stage: Stage, restart: Restart
) -> None:
    top = Supervisor(
        "top",
        [
            stage.child("a", drain(1)),
            stage.child("b", drain(1)),
            stage.child("c", fail_start_after(2), restart=restart),
            stage.child("d"),
        ],
        strategy=Strategy.REST_FOR_ONE,
    )

    with pytest.raises(ChildStartFailed) as failure:
        await run_supervised(top.spec())

    assert failure.value.name == "top/c"
    assert isinstance(failure.value.__cause__, Crash)
    assert stage.lines == [(0, "+a"), (0, "+b"), (0, "+c"), (2, "-c"), (3, "-b"), (4, "-a")]


async def test_a_permanent_child_that_returns_instead_of_starting_has_failed(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a", return_after(1, started=False))])

    with pytest.raises(ChildStartFailed, match="although its restart type is permanent"):
        await run_supervised(top.spec())


async def test_a_start_that_takes_too_long_is_cancelled_and_has_failed(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a", start_slowly(10), start_seconds=3)])

    with pytest.raises(ChildStartFailed) as failure:
        await run_supervised(top.spec())

    assert isinstance(failure.value.__cause__, ChildStartTimedOut)
    assert stage.lines == [(0, "+a"), (3, "-a")]


async def test_start_seconds_end_with_the_start(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a", start_slowly(2), start_seconds=3)])

    async with stage.running(top):
        await trio.sleep(100)
        assert stage.lines == [(0, "+a")]


@pytest.mark.parametrize("scene", [fail_start_after(0.5), start_slowly(10)])
async def test_a_crash_in_a_restart_counts_as_one_more_restart(stage: Stage, scene: Scene) -> None:
    child = stage.child("a", crash_after(1), scene, scene, serve, start_seconds=0.5)
    top = Supervisor("top", [child], intensity=3, backoff=lambda n: 0.0)

    async with stage.running(top):
        await trio.sleep(10)
        starts = [at for at, text in stage.lines if text == "+a"]
        assert starts == [0, 1, 1.5, 2]
        assert top.statistics().restarts == 3


async def test_an_early_child_that_crashes_while_a_later_one_starts_is_restarted(
    stage: Stage,
) -> None:
    children = [
        stage.child("a", crash_after(1), serve),
        stage.child("b", start_slowly(3)),
        stage.child("c"),
    ]

    async with stage.running(Supervisor("top", children)):
        assert stage.lines == [(0, "+a"), (0, "+b"), (1, "-a"), (1, "+a"), (3, "+c")]


async def test_a_stop_during_the_start_stops_what_there_is(stage: Stage) -> None:
    stop = trio.Event()
    children = [
        stage.child("a", drain(1)),
        stage.child("b", start_slowly(100), shutdown_seconds=2),
        stage.child("c"),
    ]

    async with trio.open_nursery() as nursery:

        async def run() -> None:
            await run_supervised(Supervisor("top", children).spec(), stop=stop)

        nursery.start_soon(run)
        await trio.sleep(10)
        stop.set()

    assert stage.lines == [(0, "+a"), (0, "+b"), (12, "-b"), (13, "-a")]


async def test_a_supervisor_whose_start_failed_is_restarted_by_its_own(stage: Stage) -> None:
    inner = Supervisor(
        "inner",
        [stage.child("a"), stage.child("b", crash_after(1), fail_start_after(1), serve)],
        strategy=Strategy.ONE_FOR_ALL,
        intensity=0,
    )
    top = Supervisor("top", [inner.spec()], backoff=lambda n: 0.0)

    async with stage.running(top):
        await trio.sleep(10)
        assert stage.texts == ["+a", "+b", "-b", "-a"] * 2 + ["+a", "+b"]
        assert top.statistics().restarts == 2
