"""The flags that say which jobs are meant: a `JobFilter` from the command line."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

from runtime.job import MAX_PRIORITY
from runtime.job_filter import JobFilter, When
from runtime.lifecycle import JobState

Command = Callable[..., Any]

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_MOST_SECONDS = 100 * 365 * 86_400  # a hundred years: what is older than PostgreSQL can wait


class Moment(click.ParamType):
    """A time with its offset from UTC; or an age, such as 90s, 15m, 2h or 7d, if it may be one."""

    name = "time"

    def __init__(self, *, ages: bool = True) -> None:
        self._ages = ages

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> When:
        """See the class."""
        age = _AGE.fullmatch(value) if self._ages else None
        if age is not None and float(age[1]) * _UNITS[age[2]] <= _MOST_SECONDS:
            return timedelta(seconds=float(age[1]) * _UNITS[age[2]])
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            or_age = ", and no age such as 15m, 2h or 7d" if self._ages else ""
            self.fail(f"{value!r} is no time such as 2027-01-31T08:00:00+01:00{or_age}", param, ctx)
        return time


class JsonObject(click.ParamType):
    """A JSON object."""

    name = "json"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """See the class."""
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            self.fail(f"{value!r:.200} is no JSON object", param, ctx)
        return found


_MOMENT, _OBJECT = Moment(), JsonObject()
_FLAGS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("--state", "state", {"type": click.Choice([state.value for state in JobState])}),
    ("--kind", "kind", {}),
    ("--queue", "queue", {}),
    ("--key", "key", {}),
    ("--priority", "priority", {"type": click.IntRange(1, MAX_PRIORITY)}),
    ("--tag", "tag", {"help": "The job has all of these."}),
    ("--any-tag", "any_tag", {"help": "The job has one of these."}),
)  # all of them may be given more than once
_SINGLE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("--metadata", "metadata", {"type": _OBJECT, "help": "The job's metadata contain this."}),
    ("--args", "args", {"type": _OBJECT, "help": "The job's args contain this."}),
    ("--error", "error", {"help": "A text in the last failure, in whatever case."}),
    *(
        (f"--{what}-{side}", f"{what}_{side}", {"type": _MOMENT, "metavar": "TIME|AGE"})
        for what in ("created", "scheduled", "finalized")
        for side in ("since", "until")
    ),
)


def filtered(command: Command) -> Command:
    """Give a click command the flags of a filter, and `wanted`: the JobFilter of those given."""
    names = [name for _, name, _ in (*_FLAGS, *_SINGLE)]

    @functools.wraps(command)
    def invoke(*positional: Any, **given: Any) -> Any:
        conditions = {name: given.pop(name) for name in names}
        return command(*positional, wanted=JobFilter(**conditions), **given)

    with_flags: Command = invoke
    for flag, name, rest in reversed(_SINGLE):
        with_flags = click.option(flag, name, **rest)(with_flags)
    for flag, name, rest in reversed(_FLAGS):
        with_flags = click.option(flag, name, multiple=True, **rest)(with_flags)
    return with_flags
