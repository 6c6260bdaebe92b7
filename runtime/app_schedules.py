"""The schedules that an app defines in code. A node tells the database of them when it starts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec

from runtime.errors import UsageError
from runtime.handler_enqueue import Enqueuer
from runtime.handler_options import check_name
from runtime.schedule import ScheduleInfo, info_of
from runtime.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")


class Timetable:
    """The part of an App that says when handlers run by themselves."""

    def __init__(self) -> None:
        self._schedules: dict[str, Callable[[], ScheduleInfo]] = {}

    def schedule(
        self,
        name: str,
        timing: Timing,
        what: Enqueuer[P, Any],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Have a job enqueued, with these args, at the times of `cron(...)` or `every(...)`.

        The schedule is in force while a node whose app defines it lives. What was changed at run
        time stays until the code says something new of that field; a pause stays in any case.

        Args: name: of the schedule, unique in the namespace. what: a handler, or a handler
        `with_options`. Raises: UsageError, for a name that is taken, or times that cannot be. Args
        that the handler does not take are refused when the app is loaded.
        """
        check_name("a schedule's name", name)
        if name in self._schedules:
            raise UsageError(f"{self!r} has a schedule {name!r} already")
        if not isinstance(what, Enqueuer):
            raise UsageError(f"schedule {name!r} takes a handler, not {what!r}")
        if not isinstance(timing, Timing):
            raise UsageError(
                f"schedule {name!r} takes cron(...) or every(...), not {timing!r:.200}"
            )
        self._schedules[name] = partial(_define, name, timing, what, args, kwargs)

    def schedules(self) -> list[ScheduleInfo]:
        """What is defined. Raises: UsageError, ArgsInvalid, PayloadError, naming the schedule."""
        return [define() for define in self._schedules.values()]


def _define(
    name: str, timing: Timing, what: Enqueuer[..., Any], args: tuple[Any, ...], kwargs: Any
) -> ScheduleInfo:
    try:
        return info_of(name, timing, what.template_job(*args, **kwargs))
    except UsageError as error:
        error.add_note(f"in the schedule {name!r}")
        raise
