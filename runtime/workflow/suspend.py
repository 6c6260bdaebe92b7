"""What ends a workflow's run otherwise than by its value: it waits, or begins anew.

Rule: no Exceptions, so that a workflow's own `except Exception` lets them pass.
"""

from __future__ import annotations

import time

# Of what a workflow waits for, so much is told: what people read.
_MOST_TOLD = 10
_LONGEST_WAITS = 200  # characters


class Suspend(BaseException):
    """The run ends here, and the workflow goes on in another one, when what it waits for has come.

    Attributes: at, by time.monotonic(), the soonest time that it waits for; None: no known time;
    waits, for what, for people.
    """

    def __init__(self, at: float | None, waits: str = "") -> None:
        self.at = at
        self.waits = waits
        super().__init__("the workflow waits; let this pass")

    @property
    def seconds(self) -> float | None:
        """From now until `at`."""
        return None if self.at is None else max(0.0, self.at - time.monotonic())


class ContinuedAsNew(BaseException):
    """The run ends here, and the workflow begins anew with other args."""


def suspend_in(seconds: float | None, waits: str = "") -> Suspend:
    """To be raised by what waits for so long; None: for what comes at no known time."""
    return Suspend(None if seconds is None else time.monotonic() + seconds, waits)


def soonest(suspends: list[Suspend]) -> Suspend:
    """One that stands for them all."""
    times = [each.at for each in suspends if each.at is not None]
    waits = dict.fromkeys(each.waits for each in suspends[:_MOST_TOLD] if each.waits)
    return Suspend(min(times) if times else None, ", ".join(waits)[:_LONGEST_WAITS])


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
