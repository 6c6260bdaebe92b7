"""How an async workflow's operations are done: in its task, or in those of a gather's branches."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from runtime.workflow.failures import StepTimeout
from runtime.workflow.flow import Call, Flow, Wait
from runtime.workflow.strand import Ended, Gate, Strand
from runtime.workflow.threads import belongs_in_loop, in_thread

T = TypeVar("T")


async def drive(strand: Strand, flow: Flow[T]) -> T:
    """Do what the operation yields until it ends."""
    with strand.busy():
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Call):
                    value, error = await _called(effect)
                    effect = flow.send(value) if error is None else flow.throw(error)
                elif isinstance(effect, Wait):
                    effect = flow.send(await effect.ticket)
                else:
                    await asyncio.sleep(effect.seconds)
                    effect = next(flow)
        except StopIteration as stop:
            ended: T = stop.value
        return ended


async def _called(call: Call) -> tuple[Any, Exception | None]:
    """What it returned, or raised. The flow goes on elsewhere: no coroutine can raise its end."""
    try:
        if call.timeout is None:
            return await _value(call), None
        return await _in_time(call, call.timeout), None
    except Exception as error:
        return None, error


async def _value(call: Call) -> Any:
    if belongs_in_loop(call.function):
        return await call.function(*call.args, **call.kwargs)
    value = await in_thread(functools.partial(call.function, *call.args, **call.kwargs))
    return await value if inspect.isawaitable(value) else value


async def _in_time(call: Call, seconds: float) -> Any:
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            return await _value(call)
    except TimeoutError as error:
        if scope.expired():
            raise StepTimeout(f"it took longer than {seconds:g} s") from error
        raise


async def together(calls: Sequence[Callable[[], Awaitable[Any]]], gate: Gate) -> list[Ended]:
    """Branches of a gather, each in a task, until all have ended; a cancellation ends all."""
    ended = [Ended() for _ in calls]

    async def work(index: int, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            ended[index] = Ended(await call())
        except BaseException as error:
            ended[index] = Ended(error=error)

    works: list[Coroutine[Any, Any, None]] = [work(*each) for each in enumerate(calls)]
    tasks = [asyncio.create_task(each) for each in works]
    try:
        if tasks:
            await asyncio.wait(tasks)
    except BaseException:
        gate.shut = True
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
    return ended
