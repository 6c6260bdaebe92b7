"""Rules R1 to R3 and R6 of actors/kit/supervisor.py: who is restarted, and how."""

import pytest
import trio

from actors.kit import (
    ChildCrashed,
    ChildRestarting,
    ChildState,
    ChildStopped,
    PermanentChildReturned,
    Restart,
    Strategy,
    Supervisor,
)
from tests.kit.stage import (
    Crash,
    Scene,
    Stage,
    crash_after,
    crash_when_stopped,
    drain,
    return_after,
    serve,
    start_slowly,
)


def at_once(_restart: int) -> float:
    """A backoff that does not wait."""
    return 0.0


@pytest.mark.parametrize(
    ("restart", "scene", "incarnations"),
    [
        (Restart.PERMANENT, crash_after(1), 2),
        (Restart.PERMANENT, return_after(1), 2),
        (Restart.TRANSIENT, crash_after(1), 2),
        (Restart.TRANSIENT, return_after(1), 1),
        (Restart.TEMPORARY, crash_after(1), 1),
        (Restart.TEMPORARY, return_after(1), 1),
    ],
)
async def test_the_restart_type_decides_who_comes_back(
    stage: Stage, restart: Restart, scene: Scene, incarnations: int
) -> None:
    top = Supervisor("top", [stage.child("a", scene, serve, restart=restart)])

    async with stage.running(top):
        await trio.sleep(5)
        assert stage.texts.count("+a") == incarnations


async def test_a_finished_transient_child_is_kept_and_a_temporary_one_forgotten(
    stage: Stage,
) -> None:
    children = [
        stage.child("a", return_after(1), restart=Restart.TRANSIENT),
        stage.child("b", return_after(1), restart=Restart.TEMPORARY),
    ]
    top = Supervisor("top", children)

    async with stage.running(top):
        await trio.sleep(2)
        assert [(c.name, c.state) for c in top.statistics().children] == [
            ("a", ChildState.FINISHED)
        ]
        assert top.statistics().running  # and so it stays until it is stopped


async def test_an_exception_group_is_a_crash_like_any_other(stage: Stage) -> None:
    group = ExceptionGroup("of a nursery", [Crash(), Crash()])
    top = Supervisor("top", [stage.child("a", crash_after(1, group), serve)], observe=stage.observe)

    async with stage.running(top):
        await trio.sleep(2)
        assert stage.texts == ["+a", "-a", "+a"]
        assert [event.error for event in stage.events_of(ChildCrashed)] == [group]


async def test_a_permanent_child_that_returns_has_crashed(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a", return_after(1), serve)], observe=stage.observe)

    async with stage.running(top):
        await trio.sleep(2)
        (crash,) = stage.events_of(ChildCrashed)
        assert isinstance(crash.error, PermanentChildReturned)
        assert stage.events_of(ChildStopped) == []


STRATEGIES = [
    (Strategy.ONE_FOR_ONE, [(5, "-b"), (5, "+b")]),
    (
        Strategy.ONE_FOR_ALL,
        [(5, "-b"), (6, "-d"), (7, "-c"), (8, "-a"), (8, "+a"), (8, "+b"), (8, "+c"), (8, "+d")],
    ),
    (
        Strategy.REST_FOR_ONE,
        [(5, "-b"), (6, "-d"), (7, "-c"), (7, "+b"), (7, "+c"), (7, "+d")],
    ),
]


@pytest.mark.parametrize(("strategy", "expected"), STRATEGIES)
async def test_the_strategy_decides_who_else_is_restarted(
    stage: Stage, strategy: Strategy, expected: list[tuple[float, str]]
) -> None:
    children = [
        stage.child("a", drain(1)),
        stage.child("b", crash_after(5), drain(1)),
        stage.child("c", drain(1)),
        stage.child("d", drain(1)),
    ]
    top = Supervisor("top", children, strategy=strategy, backoff=at_once)

    async with stage.running(top):
        stage.forget()
        await trio.sleep(10)
        assert stage.lines == expected
        assert top.statistics().restarts == 1


async def test_a_group_starts_anew_one_after_the_other(stage: Stage) -> None:
    children = [
        stage.child("a", start_slowly(1)),
        stage.child("b", crash_after(5), start_slowly(1)),
        stage.child("c", start_slowly(1)),
    ]
    top = Supervisor("top", children, strategy=Strategy.ONE_FOR_ALL, backoff=at_once)

    async with stage.running(top):
        stage.forget()
        await trio.sleep(10)
        assert [line for line in stage.lines if "+" in line[1]] == [(6, "+a"), (7, "+b"), (8, "+c")]


async def test_a_group_restart_runs_finished_transients_again_but_no_temporary(
    stage: Stage,
) -> None:
    children = [
        stage.child("a", return_after(1), restart=Restart.TRANSIENT),
        stage.child("b", restart=Restart.TEMPORARY),
        stage.child("c", crash_after(5), serve),
    ]
    top = Supervisor("top", children, strategy=Strategy.ONE_FOR_ALL, backoff=at_once)

    async with stage.running(top):
        stage.forget()
        await trio.sleep(10)
        assert stage.lines == [
            (1, "-a"),
            (5, "-c"),
            (5, "-b"),
            (5, "+a"),
            (5, "+c"),
            (6, "-a"),
        ]
        assert [child.name for child in top.statistics().children] == ["a", "c"]


async def test_a_crash_of_one_being_stopped_for_its_group_is_reported_not_counted(
    stage: Stage,
) -> None:
    children = [
        stage.child("a", crash_after(1), serve),
        stage.child("b", crash_when_stopped, serve),
    ]
    top = Supervisor(
        "top", children, strategy=Strategy.ONE_FOR_ALL, intensity=1, observe=stage.observe
    )

    async with stage.running(top):
        await trio.sleep(2)
        assert stage.texts == ["+a", "+b", "-a", "-b", "+a", "+b"]
        assert [event.name for event in stage.events_of(ChildCrashed)] == ["top/a", "top/b"]
        assert top.statistics().restarts == 1


async def test_crashes_at_the_same_moment_are_handled_in_start_order(stage: Stage) -> None:
    children = [stage.child(name, crash_after(1), serve) for name in "abc"]
    top = Supervisor(
        "top", children, strategy=Strategy.REST_FOR_ONE, intensity=1, observe=stage.observe
    )

    async with stage.running(top):
        await trio.sleep(2)
        assert [event.name for event in stage.events_of(ChildRestarting)] == ["top/a"]
        assert sorted(stage.texts[3:6]) == ["-a", "-b", "-c"]
        assert stage.texts[6:] == ["+a", "+b", "+c"]


async def test_a_sibling_crashing_while_another_restarts_is_restarted_at_once(
    stage: Stage,
) -> None:
    children = [
        stage.child("a", crash_after(1), start_slowly(10)),
        stage.child("b", crash_after(2), serve),
    ]

    async with stage.running(Supervisor("top", children, backoff=at_once)):
        stage.forget()
        await trio.sleep(20)
        assert stage.lines == [(1, "-a"), (1, "+a"), (2, "-b"), (2, "+b")]


async def test_a_sibling_crashing_while_its_group_restarts_restarts_the_group_again(
    stage: Stage,
) -> None:
    children = [
        stage.child("a", crash_after(1), crash_after(2), serve),
        stage.child("b", serve, start_slowly(3)),
        stage.child("c"),
    ]
    top = Supervisor("top", children, strategy=Strategy.ONE_FOR_ALL, backoff=at_once)

    async with stage.running(top):
        stage.forget()
        await trio.sleep(20)
        assert stage.lines == [
            (1, "-a"),
            (1, "-c"),
            (1, "-b"),
            (1, "+a"),
            (1, "+b"),
            (3, "-a"),  # b is still starting: it is stopped, and has 5 s for that
            (4, "-b"),
            (4, "+a"),
            (4, "+b"),
            (7, "+c"),
        ]
        assert top.statistics().restarts == 2
