"""Plain functions of an async workflow's steps: they hold up nobody, and are waited for."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from runtime import App, AsyncContext, Discard, StepFailed, current_job
from runtime.outcome import Completed, Discarded
from runtime.workflow import threads
from runtime.workflow.threads import belongs_in_loop
from tests.workflow.world import World

LONG_SECONDS = 20.0


def test_a_plain_function_does_not_hold_up_the_loop() -> None:
    app, set_by_loop = App(), threading.Event()

    async def release() -> str:
        set_by_loop.set()
        return "released"

    @app.workflow
    async def flow(ctx: AsyncContext) -> list[Any]:
        return await ctx.gather(
            ctx.step("blocks", set_by_loop.wait, LONG_SECONDS), ctx.step("releases", release)
        )

    assert World(app, "flow").run() == Completed('[true,"released"]')


def test_it_runs_in_a_thread_with_the_context_of_its_workflow() -> None:
    app, seen = App(), []

    def look(word: str, *, more: str) -> str:
        seen.append((threading.current_thread() is threading.main_thread(), current_job().kind))
        return word + more

    @app.workflow
    async def flow(ctx: AsyncContext) -> str:
        return await ctx.step("look", look, "a", more="b")

    assert World(app, "flow").run() == Completed('"ab"')
    assert seen == [(False, "flow")]


def test_its_errors_and_verdicts_are_those_of_any_step() -> None:
    app, tries = App(), []

    def fail() -> None:
        tries.append(1)
        raise ZeroDivisionError("no")

    def give_up() -> None:
        raise Discard("no use")

    @app.workflow
    async def flow(ctx: AsyncContext) -> None:
        with pytest.raises(StepFailed) as caught:
            await ctx.step("fail", fail, retry=1)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        await ctx.step("give up", give_up, retry=5)

    outcome = World(app, "flow").run()
    assert isinstance(outcome, Discarded)
    assert (outcome.failure.message, len(tries)) == ("no use", 1)


def test_its_timeout_fails_the_step_while_its_thread_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, release, ended = App(), threading.Event(), threading.Event()

    def wait() -> None:
        release.wait(LONG_SECONDS)
        ended.set()

    @app.workflow
    async def flow(ctx: AsyncContext) -> str:
        try:
            await ctx.step("wait", wait, timeout=0.02)
        except StepFailed as error:
            return error.error_class
        return "waited"

    assert World(app, "flow").run() == Completed('"StepTimeout"')
    assert "goes on in its thread" in caplog.text
    assert not ended.is_set()
    release.set()
    assert ended.wait(LONG_SECONDS)


def test_so_many_run_at_once_and_the_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MOST_THREADS", 2)
    app, lock, pairs = App(), threading.Lock(), threading.Barrier(2)
    busy, most = [0], [0]

    def work() -> None:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        pairs.wait(LONG_SECONDS)
        with lock:
            busy[0] -= 1

    @app.workflow
    async def flow(ctx: AsyncContext) -> None:
        await ctx.gather(*(ctx.step("work", work) for _ in range(6)))

    assert World(app, "flow").run() == Completed()
    assert most == [2]


def test_functions_that_never_end_keep_no_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MOST_THREADS", 2)
    app, release, ended = App(), threading.Event(), threading.Barrier(4)

    def stick() -> None:
        release.wait(LONG_SECONDS)
        ended.wait(LONG_SECONDS)

    @app.workflow
    async def flow(ctx: AsyncContext) -> int:
        for _ in range(3):
            with pytest.raises(StepFailed):
                await ctx.step("stick", stick, timeout=0.02)
        return await ctx.step("count", len, "ab", timeout=LONG_SECONDS)

    assert World(app, "flow").run() == Completed("2")
    release.set()
    ended.wait(LONG_SECONDS)


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


class Doubler:
    async def __call__(self, number: int) -> int:
        return await double(number)


@functools.wraps(double)
def wrapped(number: int) -> Any:
    return asyncio.ensure_future(double(number))  # needs the loop


@pytest.mark.parametrize(
    ("function", "in_loop"),
    [
        (double, True),
        (functools.partial(double), True),
        (Doubler(), True),
        (Doubler().__call__, True),
        (wrapped, True),
        (lambda number: double(number), False),
        (lambda number: number * 2, False),
        (int.__abs__, False),
        (str, False),
    ],
)
def test_what_gives_a_coroutine_is_called_in_the_loop(
    function: Callable[..., Any], in_loop: bool
) -> None:
    assert belongs_in_loop(function) is in_loop
    app = App()

    @app.workflow
    async def flow(ctx: AsyncContext) -> Any:
        return await ctx.step("double", function, 4)

    outcome = World(app, "flow").run()
    assert outcome in (Completed("8"), Completed("4"), Completed('"4"'))
