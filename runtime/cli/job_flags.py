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


def moment(context: click.Context, parameter: click.Parameter, value: str | None) -> When | None:
    """A time with its offset from UTC; or an age, such as 90s, 15m, 2h or 7d."""
    age = _AGE.fullmatch(value or "")
    if age is not None and float(age[1]) * _UNITS[age[2]] <= _MOST_SECONDS:
        return timedelta(seconds=float(age[1]) * _UNITS[age[2]])
    return _time(context, parameter, value, ", and no age such as 15m, 2h or 7d")


def time(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """A time with its offset from UTC."""
    return _time(context, parameter, value, "")


def _time(
    context: click.Context, parameter: click.Parameter, value: str | None, nor: str
) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        told = f"{value!r} is no time such as 2027-01-31T08:00:00+01:00{nor}"
        raise click.BadParameter(told, context, parameter)
    return found


def _object(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> dict[str, Any] | None:
    """A JSON object."""
    if value is None:
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise click.BadParameter(f"{value!r:.200} is no JSON object", context, parameter)
    return found


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
    (
        "--metadata",
        "metadata",
        {"callback": _object, "metavar": "JSON", "help": "The job's metadata contain this."},
    ),
    (
        "--args",
        "args",
        {"callback": _object, "metavar": "JSON", "help": "The job's args contain this."},
    ),
    ("--error", "error", {"help": "A text in the last failure, in whatever case."}),
    (
        "--paused/--not-paused",
        "paused",
        {"is_flag": True, "default": None, "help": "The job is held back."},
    ),
    *(
        (f"--{what}-{side}", f"{what}_{side}", {"callback": moment, "metavar": "TIME|AGE"})
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
