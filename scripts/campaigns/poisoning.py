"""How a poison becomes a handler of the campaigns' app: three sorts, by how they end.

Rules: each takes the campaign's folder and nothing else. When it begins it leaves a line in the
folder's file `poisoned`; one that completes leaves the lines of a traced job instead, and its run's
number is its output. The timeout of those that end by themselves is only a bound.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Coroutine
from typing import Any

from runtime import Resources, constant, current_job
from runtime.handler import AsyncHandler, SyncHandler
from scripts.campaigns.app import app, note

POISONED = "poisoned"
TRACE = "trace"
# Of those that never end by themselves.
STUBBORN_SECONDS = 1.0
# What a hungry one may have resident, with the interpreter and the app: a little more than those.
MEMORY_MIB = 96
# Of all others: so much that a busy machine does not make it come true.
QUICK_SECONDS = 30.0

_again = constant(0.01)
_quick = app.job(timeout=QUICK_SECONDS, max_attempts=2, backoff=_again)
_stubborn = app.job(timeout=STUBBORN_SECONDS, max_attempts=1)
# They would go on for ever, by their attempts.
_looping = app.job(timeout=QUICK_SECONDS, max_attempts=25, max_crashes=2, backoff=_again)
_hungry = app.job(max_attempts=1, resources=Resources(timeout=QUICK_SECONDS, memory_mib=MEMORY_MIB))
# They complete; until then others may take their child with them.
_lingering = app.job(timeout=QUICK_SECONDS, max_attempts=10, backoff=_again)


def quick(function: Callable[[str], object]) -> SyncHandler[[str], object]:
    """It fails, or its child dies, at once. It has two attempts."""
    return _quick(_begun(function))


def stubborn(function: Callable[[str], object]) -> SyncHandler[[str], object]:
    """It goes on until it is stopped. It has one attempt."""
    return _stubborn(_begun(function))


def looping(function: Callable[[str], object]) -> SyncHandler[[str], object]:
    """Its child dies at once, each time. It has two crashes, and attempts enough."""
    return _looping(_begun(function))


def hungry(function: Callable[[str], object]) -> SyncHandler[[str], object]:
    """It takes more memory than it may. It has one attempt."""
    return _hungry(_begun(function))


def lingering(function: Callable[[str], object]) -> SyncHandler[[str], object]:
    """It completes, and leaves something behind in its child, or in the system."""

    @functools.wraps(function)
    def handler(folder: str) -> int:
        pid = os.getpid()
        _leave_line(folder, TRACE, "begun")
        function(folder)
        if os.getpid() != pid:
            return -1  # a copy of this process: nobody must ever see its output
        return _leave_line(folder, TRACE, "ended")

    return _lingering(handler)


def quick_async(
    function: Callable[[str], Coroutine[Any, Any, object]],
) -> AsyncHandler[[str], object]:
    """As `quick`."""
    return _quick(_begun_async(function))


def stubborn_async(
    function: Callable[[str], Coroutine[Any, Any, object]],
) -> AsyncHandler[[str], object]:
    """As `stubborn`."""
    return _stubborn(_begun_async(function))


def _begun(function: Callable[[str], object]) -> Callable[[str], object]:
    @functools.wraps(function)
    def handler(folder: str) -> object:
        _leave_line(folder, POISONED, "begun")
        return function(folder)

    return handler


def _begun_async(
    function: Callable[[str], Coroutine[Any, Any, object]],
) -> Callable[[str], Coroutine[Any, Any, object]]:
    @functools.wraps(function)
    async def handler(folder: str) -> object:
        _leave_line(folder, POISONED, "begun")
        return await function(folder)

    return handler


def _leave_line(folder: str, name: str, what: str) -> int:
    """Returns the number of the run."""
    run = current_job()
    note(os.path.join(folder, name), f"{what} {run.id} {run.run_number}")
    return run.run_number
