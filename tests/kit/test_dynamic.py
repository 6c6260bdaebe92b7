"""Rules D1 to D3 of actors/kit/supervisor.py: children that come and go; and the statistics."""

import pytest
import trio

from actors.kit import (
    ChildCutOff,
    ChildSpec,
    ChildStartFailed,
    ChildState,
    Life,
    Restart,
    Strategy,
    Supervisor,
    SupervisorEscalated,
    SupervisorNotRunning,
)
from tests.kit.stage import (
    Crash,
    Stage,
    crash_after,
    drain,
    fail_start_after,
    ignore_stop,
    return_after,
    serve,
    start_slowly,
)


@pytest.mark.parametrize("strategy", Strategy)
async def test_an_added_child_is_started_last_and_stopped_first(
    stage: Stage, strategy: Strategy
) -> None:
    top = Supervisor("top", [stage.child("a", drain(1))], strategy=strategy)

    async with stage.running(top):
        await top.add(stage.child("b", start_slowly(2)))
        assert stage.now == 2

    assert stage.lines == [(0, "+a"), (0, "+b"), (2, "-b"), (3, "-a")]


async def test_an_added_child_is_supervised_like_the_others(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a")], strategy=Strategy.ONE_FOR_ALL)

    async with stage.running(top):
        await top.add(stage.child("b", crash_after(1), serve))
        await trio.sleep(2)
        assert stage.texts == ["+a", "+b", "-b", "-a", "+a", "+b"]


async def test_an_added_child_whose_start_fails_is_forgotten_and_not_counted(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a")], intensity=0)

    async with stage.running(top):
        with pytest.raises(ChildStartFailed) as failure:
            await top.add(stage.child("b", fail_start_after(1)))
        assert isinstance(failure.value.__cause__, Crash)
        assert top.statistics().restarts == 0
        await top.add(stage.child("b"))  # the name is free again
        assert [child.name for child in top.statistics().children] == ["a", "b"]


async def test_a_cancelled_add_takes_the_child_back(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a")], intensity=0)

    async with stage.running(top):
        with trio.move_on_after(3):
            await top.add(stage.child("b", start_slowly(10)))
        await trio.sleep(1)
        assert stage.lines == [(0, "+a"), (0, "+b"), (3, "-b")]
        assert [child.name for child in top.statistics().children] == ["a"]


async def test_a_child_that_adds_a_sibling_while_all_stop_is_refused(stage: Stage) -> None:
    refusals: list[SupervisorNotRunning] = []

    async def add(life: Life) -> None:
        life.started()
        try:
            await top.add(stage.child("b", start_slowly(100), shutdown_seconds=2))
        except SupervisorNotRunning as refusal:
            refusals.append(refusal)
        try:
            await top.add(stage.child("c"))
        except SupervisorNotRunning as refusal:
            refusals.append(refusal)

    top = Supervisor("top", [stage.child("a", add)])

    async with stage.running(top):
        await trio.sleep(10)

    assert [refusal.name for refusal in refusals] == ["top", "top"]
    assert stage.lines == [(0, "+a"), (0, "+b"), (10, "-a"), (12, "-b")]


async def test_removing_stops_a_child_within_its_deadline_and_forgets_it(stage: Stage) -> None:
    children = [stage.child("a"), stage.child("b", ignore_stop, shutdown_seconds=3)]
    top = Supervisor("top", children, intensity=0, observe=stage.observe)

    async with stage.running(top):
        await top.remove("b")
        assert stage.now == 3
        assert [child.name for child in top.statistics().children] == ["a"]
        assert stage.events_of(ChildCutOff) == [ChildCutOff("top/b", 3)]
        assert top.statistics().restarts == 0


async def test_a_removal_does_not_hold_up_the_restart_of_others(stage: Stage) -> None:
    children = [stage.child("a", crash_after(1), serve), stage.child("b", drain(4))]
    top = Supervisor("top", children)

    async with stage.running(top):
        await top.remove("b")
        assert stage.lines[2:] == [(1, "-a"), (1, "+a"), (4, "-b")]


async def test_a_removal_goes_on_when_its_caller_is_cancelled(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a", ignore_stop, shutdown_seconds=3)])

    async with stage.running(top):
        with trio.move_on_after(1):
            await top.remove("a")
        await trio.sleep(5)
        assert stage.lines == [(0, "+a"), (3, "-a")]
        assert top.statistics().children == ()


async def test_removing_a_child_in_its_backoff_ends_the_backoff(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a", crash_after(1))], backoff=lambda n: 100.0)

    async with stage.running(top):
        await trio.sleep(2)
        await top.remove("a")
        assert stage.now == 2
        await trio.sleep(200)
        assert stage.texts == ["+a", "-a"]


async def test_a_child_removed_while_it_is_added_refuses_the_adder(stage: Stage) -> None:
    top = Supervisor("top", [])

    async def add() -> None:
        with pytest.raises(ChildStartFailed):
            await top.add(stage.child("a", start_slowly(10), shutdown_seconds=1))

    async with stage.running(top), trio.open_nursery() as nursery:
        nursery.start_soon(add)
        await trio.sleep(2)
        await top.remove("a")
        assert stage.lines == [(0, "+a"), (3, "-a")]


async def test_a_child_being_removed_when_all_are_stopped_is_cut_off_once(stage: Stage) -> None:
    children = [stage.child("a"), stage.child("b", ignore_stop, shutdown_seconds=3)]
    top = Supervisor("top", children, observe=stage.observe)

    async with trio.open_nursery() as nursery, stage.running(top):
        nursery.start_soon(top.remove, "b")
        await trio.sleep(2)

    assert stage.lines[2:] == [(3, "-b"), (3, "-a")]
    assert stage.events_of(ChildCutOff) == [ChildCutOff("top/b", 3)]


async def test_what_cannot_be_added_or_removed_is_refused(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a")])

    with pytest.raises(SupervisorNotRunning):
        await top.add(stage.child("b"))
    with pytest.raises(SupervisorNotRunning):
        await top.remove("a")

    async with stage.running(top):
        with pytest.raises(ValueError, match="named 'a'"):
            await top.add(stage.child("a"))
        with pytest.raises(KeyError):
            await top.remove("b")


async def test_a_restarted_supervisor_begins_with_its_first_children(stage: Stage) -> None:
    inner = Supervisor("inner", [stage.child("a")], intensity=0)
    top = Supervisor("top", [inner.spec()])

    async with stage.running(top):
        await inner.add(stage.child("b", crash_after(1)))
        await trio.sleep(2)
        assert stage.texts == ["+a", "+b", "-b", "-a", "+a"]


async def test_a_crash_of_a_temporary_child_never_escalates(stage: Stage) -> None:
    top = Supervisor("top", [], intensity=0)

    async with stage.running(top):
        await top.add(stage.child("a", crash_after(1), restart=Restart.TEMPORARY))
        await trio.sleep(2)
        assert top.statistics().children == ()


async def test_statistics_tell_what_each_child_is_doing(stage: Stage) -> None:
    children = [
        stage.child("a", return_after(1), restart=Restart.TRANSIENT),
        stage.child("b", crash_after(1), start_slowly(100)),
        stage.child("c", crash_after(2)),
        stage.child("d", drain(4)),
        stage.child("e"),
    ]
    delays = {1: 0.0, 2: 100.0}
    top = Supervisor("top", children, backoff=lambda n: 0.0 if stage.now < 2 else delays[2])

    async with stage.running(top), trio.open_nursery() as nursery:
        await trio.sleep(3)
        nursery.start_soon(top.remove, "d")
        await trio.sleep(1)
        statistics = top.statistics()
        assert [(child.name, child.state, child.restarts) for child in statistics.children] == [
            ("a", ChildState.FINISHED, 0),
            ("b", ChildState.STARTING, 1),
            ("c", ChildState.WAITING, 1),
            ("d", ChildState.STOPPING, 0),
            ("e", ChildState.RUNNING, 0),
        ]
        assert (statistics.running, statistics.restarts) == (True, 2)

    assert not top.statistics().running


def test_specs_and_supervisors_that_make_no_sense_are_refused() -> None:
    async def start(life: Life) -> None:
        life.started()

    for name in ("", "a/b"):
        with pytest.raises(ValueError, match="name"):
            ChildSpec(name, start)
    with pytest.raises(ValueError, match="shutdown_seconds"):
        ChildSpec("a", start, shutdown_seconds=-1)
    with pytest.raises(ValueError, match="start_seconds"):
        ChildSpec("a", start, start_seconds=0)
    with pytest.raises(ValueError, match="names that differ"):
        Supervisor("top", [ChildSpec("a", start), ChildSpec("a", start)])
    with pytest.raises(ValueError, match="intensity"):
        Supervisor("top", [], intensity=-1)
    assert "gives up" not in str(SupervisorEscalated("top"))
