"""Rules R4 and R5 of actors/kit/supervisor.py: how often and how late children come back."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.kit import (
    Backoff,
    ChildRestarting,
    Escalated,
    Strategy,
    Supervisor,
    SupervisorEscalated,
    run_supervised,
)
from actors.kit.restarts import RestartWindow
from tests.kit.stage import Crash, Stage, crash_after, drain, serve


def at_once(_restart: int) -> float:
    """A backoff that does not wait."""
    return 0.0


def test_the_default_backoff_is_immediate_then_doubles_up_to_its_limit() -> None:
    delays = [Backoff()(n) for n in range(1, 13)]

    assert delays == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]


@given(st.integers(min_value=1, max_value=10**9))
def test_a_backoff_never_shrinks_and_never_exceeds_its_limit(restart: int) -> None:
    backoff = Backoff(0.5, 0.5, 60)

    assert 0 <= backoff(restart) <= backoff(restart + 1) <= 60


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=60).map(sorted),
    st.integers(0, 5),
    st.integers(1, 10),
)
def test_a_window_admits_what_a_plain_count_admits(
    times: list[int], intensity: int, period: int
) -> None:
    window = RestartWindow(intensity, period)

    for index, now in enumerate(times):
        counted = sum(now - period <= time for time in times[: index + 1])

        assert window.admit(now) == (counted <= intensity)


async def test_as_many_restarts_as_the_intensity_are_allowed(stage: Stage) -> None:
    scenes = [crash_after(1), crash_after(1), crash_after(1), serve]
    top = Supervisor("top", [stage.child("a", *scenes)], intensity=3, backoff=at_once)

    async with stage.running(top):
        await trio.sleep(60)
        assert stage.lines[-1] == (3, "+a")


async def test_one_more_restart_than_the_intensity_escalates(stage: Stage) -> None:
    crashes = [Crash(n) for n in range(4)]
    children = [
        stage.child("z", drain(1)),
        stage.child("a", *(crash_after(1, crash) for crash in crashes)),
        stage.child("b", drain(1)),
    ]
    top = Supervisor("top", children, intensity=3, backoff=at_once, observe=stage.observe)

    with pytest.raises(SupervisorEscalated) as failure:
        await run_supervised(top.spec())

    assert failure.value.name == "top"
    assert failure.value.__cause__ is crashes[3]
    assert stage.lines[-3:] == [(4, "-a"), (5, "-b"), (6, "-z")]
    assert stage.events_of(Escalated) == [Escalated("top", crashes[3])]


async def test_intensity_zero_allows_no_restart(stage: Stage) -> None:
    top = Supervisor("top", [stage.child("a", crash_after(1))], intensity=0)

    with pytest.raises(SupervisorEscalated):
        await run_supervised(top.spec())

    assert stage.lines == [(0, "+a"), (1, "-a")]


@pytest.mark.parametrize(("second_crash", "escalates"), [(5.0, True), (5.001, False)])
async def test_a_restart_exactly_a_period_old_still_counts(
    stage: Stage, second_crash: float, escalates: bool
) -> None:
    children = [stage.child("a", crash_after(1), crash_after(second_crash), serve)]
    top = Supervisor("top", children, intensity=1, period_seconds=5.0, backoff=at_once)
    stop = trio.Event()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 20)

        if escalates:
            with pytest.raises(SupervisorEscalated):
                await run_supervised(top.spec(), stop=_after(nursery, stop))
        else:
            await run_supervised(top.spec(), stop=_after(nursery, stop))


def _after(nursery: trio.Nursery, stop: trio.Event) -> trio.Event:
    async def set_later() -> None:
        await trio.sleep(15)
        stop.set()

    nursery.start_soon(set_later)
    return stop


async def test_the_intensity_counts_the_crashes_of_all_children(stage: Stage) -> None:
    children = [stage.child(name, crash_after(at), serve) for name, at in [("a", 1), ("b", 2)]]

    with pytest.raises(SupervisorEscalated):
        await run_supervised(Supervisor("top", children, intensity=1).spec())


@pytest.mark.parametrize("strategy", Strategy)
async def test_restarts_in_a_row_wait_longer_and_longer(stage: Stage, strategy: Strategy) -> None:
    child = stage.child("a", *[crash_after(0.5)] * 5, serve)
    top = Supervisor(
        "top",
        [child],
        strategy=strategy,
        intensity=10,
        period_seconds=60,
        backoff=Backoff(0.0, 1.0, 3.0),
        observe=stage.observe,
    )

    async with stage.running(top):
        await trio.sleep(60)
        starts = [at for at, text in stage.lines if text == "+a"]
        assert starts == [0, 0.5, 2, 4.5, 8, 11.5]
        delays = [event.delay_seconds for event in stage.events_of(ChildRestarting)]
        assert delays == [0, 1, 2, 3, 3]


async def test_the_row_begins_anew_after_a_quiet_period(stage: Stage) -> None:
    scenes = [crash_after(1), crash_after(1), crash_after(10), crash_after(9.9), serve]
    top = Supervisor(
        "top", [stage.child("a", *scenes)], period_seconds=10, backoff=float, observe=stage.observe
    )

    async with stage.running(top):
        await trio.sleep(60)
        delays = [event.delay_seconds for event in stage.events_of(ChildRestarting)]
        assert delays == [1, 2, 1, 2]


async def test_one_for_one_restarts_others_while_one_waits(stage: Stage) -> None:
    children = [stage.child("a", crash_after(1), serve), stage.child("b", crash_after(2), serve)]

    async with stage.running(Supervisor("top", children, backoff=lambda n: 10.0)):
        stage.forget()
        await trio.sleep(60)
        assert stage.lines == [(1, "-a"), (2, "-b"), (11, "+a"), (12, "+b")]


async def test_rest_for_one_takes_those_that_wait_into_the_next_group(stage: Stage) -> None:
    children = [
        stage.child("a", crash_after(3), serve),
        stage.child("b", crash_after(1), serve),
        stage.child("c"),
    ]
    top = Supervisor("top", children, strategy=Strategy.REST_FOR_ONE, backoff=lambda n: 10.0)

    async with stage.running(top):
        stage.forget()
        await trio.sleep(60)
        assert stage.lines == [
            (1, "-b"),
            (1, "-c"),
            (3, "-a"),
            (13, "+a"),
            (13, "+b"),
            (13, "+c"),
        ]


async def test_of_two_backoffs_in_a_group_the_later_counts(stage: Stage) -> None:
    children = [
        stage.child("a", crash_after(3), serve),
        stage.child("b", crash_after(1), serve),
        stage.child("c"),
    ]

    def long_then_short(_restart: int) -> float:
        return 100.0 if stage.now < 2 else 1.0

    top = Supervisor("top", children, strategy=Strategy.REST_FOR_ONE, backoff=long_then_short)

    async with stage.running(top):
        stage.forget()
        await trio.sleep(200)
        assert stage.lines[2:] == [(3, "-a"), (4, "+a"), (101, "+b"), (101, "+c")]


async def test_a_group_waits_for_its_backoff_from_when_it_is_down(stage: Stage) -> None:
    children = [stage.child("a", drain(4)), stage.child("b", crash_after(1), serve)]
    top = Supervisor("top", children, strategy=Strategy.ONE_FOR_ALL, backoff=lambda n: 10.0)

    async with stage.running(top):
        stage.forget()
        await trio.sleep(60)
        assert stage.lines == [(1, "-b"), (5, "-a"), (15, "+a"), (15, "+b")]


async def test_escalation_goes_up_two_levels(stage: Stage) -> None:
    inner = Supervisor(
        "inner",
        [stage.child("b"), stage.child("c", crash_after(1))],
        intensity=1,
        backoff=at_once,
        observe=stage.observe,
    )
    top = Supervisor(
        "top",
        [stage.child("a"), inner.spec(), stage.child("d")],
        strategy=Strategy.REST_FOR_ONE,
        intensity=1,
        backoff=at_once,
        observe=stage.observe,
    )

    with pytest.raises(SupervisorEscalated) as failure:
        await run_supervised(top.spec())

    inner_failure = failure.value.__cause__
    assert isinstance(inner_failure, SupervisorEscalated)
    assert isinstance(inner_failure.__cause__, Crash)
    assert [event.name for event in stage.events_of(Escalated)] == ["top/inner", "top/inner", "top"]
    life_of_inner = ["+b", "+c", "-c", "+c", "-c", "-b"]
    assert [text for text in stage.texts if text[1] in "bc"] == life_of_inner * 2
    assert [text for text in stage.texts if text[1] in "ad"] == ["+a", "+d", "-d", "+d", "-d", "-a"]
    assert stage.now == 4
