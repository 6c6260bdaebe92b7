"""What ends a workflow's run otherwise than by its value: it waits, or begins anew.

Rule: no Exceptions, so that a workflow's own `except Exception` lets them pass.
"""

from __future__ import annotations

import time


class Suspend(BaseException):
    """The run ends here, and the workflow goes on in another one, when what it waits for has come.

    Attributes: at, by time.monotonic(), the soonest time that it waits for; None: no known time.
    """

    def __init__(self, at: float | None) -> None:
        self.at = at
        super().__init__("the workflow waits; let this pass")

    @property
    def seconds(self) -> float | None:
        """From now until `at`."""
        return None if self.at is None else max(0.0, self.at - time.monotonic())


class ContinuedAsNew(BaseException):
    """The run ends here, and the workflow begins anew with other args."""


def suspend_in(seconds: float | None) -> Suspend:
    """To be raised by what waits for so long; None: for what comes at no known time."""
    return Suspend(None if seconds is None else time.monotonic() + seconds)


def soonest(suspends: list[Suspend]) -> Suspend:
    """One that stands for them all."""
    times = [each.at for each in suspends if each.at is not None]
    return Suspend(min(times) if times else None)


def suspend_of(error: BaseException) -> Suspend | None:
    """What a run that ended with this waits for: also by way of an asyncio.TaskGroup."""
    found: list[Suspend] = []
    todo = [error]
    while todo:  # a group may be nested deeper than a function may call itself
        each = todo.pop()
        if isinstance(each, BaseExceptionGroup):
            todo += each.exceptions
        elif isinstance(each, Suspend):
            found.append(each)
        else:
            return None
    return soonest(found) if found else None
