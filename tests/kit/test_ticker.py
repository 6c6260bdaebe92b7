"""The ticker: waits, jitter, wakeups, and its end."""

import math

import pytest
import trio

from actors.kit import Life, Ticker, every
from tests.kit.stage import Stage


async def test_it_ticks_at_once_and_then_so_long_after_each_body(stage: Stage) -> None:
    ticks: list[float] = []

    with trio.move_on_after(12):
        async for _ in every(3):
            ticks.append(stage.now)
            await trio.sleep(1)

    assert ticks == [0, 4, 8]  # and the fourth at 12, which is the end


@pytest.mark.parametrize(("drawn", "seconds"), [(0.0, 8.0), (0.5, 10.0), (0.75, 11.0)])
async def test_jitter_spreads_the_wait_to_both_sides(
    stage: Stage, drawn: float, seconds: float
) -> None:
    ticker = every(10, 0.2, draw=lambda: drawn)

    await anext(ticker)
    await anext(ticker)

    assert stage.now == seconds


async def test_a_wakeup_ends_the_wait(stage: Stage) -> None:
    ticker = every(math.inf)
    assert await anext(ticker) is False

    async with trio.open_nursery() as nursery:

        async def wake() -> None:
            await trio.sleep(2)
            ticker.wake()

        nursery.start_soon(wake)
        assert await anext(ticker) is True
        assert stage.now == 2


async def test_wakeups_during_the_body_count_once(stage: Stage) -> None:
    ticker = every(10)
    await anext(ticker)

    ticker.wake()
    ticker.wake()

    assert await anext(ticker) is True
    assert stage.now == 0
    assert await anext(ticker) is False
    assert stage.now == 10


async def test_a_body_may_ask_for_its_next_tick_sooner_but_not_later(stage: Stage) -> None:
    ticker = every(10)
    ticks = []

    for sooner in (4, 99, -1, math.inf):
        await anext(ticker)
        ticks.append(stage.now)
        ticker.tick_within(sooner)

    assert ticks == [0, 4, 14, 14]
    await anext(ticker)
    assert stage.now == 24


async def test_a_stop_ends_the_waiting_and_never_the_body(stage: Stage) -> None:
    life = Life("a")
    ended: list[float] = []

    async with trio.open_nursery() as nursery:

        async def loop() -> None:
            async for _ in every(5, life=life):
                await trio.sleep(2)
                ended.append(stage.now)

        nursery.start_soon(loop)
        await trio.sleep(8)
        life.ask_to_stop()

    assert ended == [2, 9]
    assert stage.now == 9


async def test_a_stop_while_waiting_ends_the_loop_at_once(stage: Stage) -> None:
    life = Life("a")

    async with trio.open_nursery() as nursery:

        async def loop() -> None:
            async for _ in every(5, life=life):
                pass

        nursery.start_soon(loop)
        await trio.sleep(8)
        life.ask_to_stop()

    assert stage.now == 8


async def test_a_loop_without_pause_can_still_be_cancelled(stage: Stage) -> None:
    ticks = 0

    with trio.CancelScope() as scope:
        async for _ in every(0):
            ticks += 1
            if ticks == 10:
                scope.cancel()

    assert ticks == 10
    assert stage.now == 0


@pytest.mark.parametrize(("seconds", "jitter"), [(-1, 0), (1, -0.1), (1, 1)])
def test_what_makes_no_sense_is_refused(seconds: float, jitter: float) -> None:
    with pytest.raises(ValueError, match="a ticker needs"):
        Ticker(seconds, jitter=jitter)
