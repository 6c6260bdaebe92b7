"""From what a caller says of a schedule to what is written of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from runtime.errors import UsageError
from runtime.handler_enqueue import Enqueuer
from runtime.schedule import ScheduleInfo, info_of
from runtime.timing import Timing

Choose = Callable[[Any], Enqueuer[..., Any]]
"""From a handler, a handler `with_options` or the name of a kind to what makes its jobs."""

_OF_TIMING = ("cron", "timezone", "interval_seconds", "catch_up", "overlap")


def defined(
    choose: Choose, name: str, timing: Timing, what: Any, args: tuple[Any, ...], kwargs: Any
) -> ScheduleInfo:
    """A new schedule. Raises: UsageError, UnknownKind, ArgsInvalid, PayloadError."""
    return info_of(name, timing, choose(what).template_job(*args, **kwargs))


def changed(
    choose: Choose,
    name: str,
    timing: Timing | None,
    what: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> dict[str, Any]:
    """The columns that an update writes. Raises: as `defined`."""
    changes: dict[str, Any] = {}
    if timing is not None:
        if not isinstance(timing, Timing):
            raise UsageError(f"timing is cron(...) or every(...), not {timing!r:.200}")
        changes = {field: getattr(timing, field) for field in _OF_TIMING}
    if what is None:
        if args or kwargs:
            raise UsageError("args belong to a handler: give it, too")
        return changes
    any_timing = timing or Timing(interval_seconds=1.0)
    info = info_of(name, any_timing, choose(what).template_job(*args, **kwargs))
    fields = msgspec.json.decode(info.as_json())
    del fields["name"]
    return {key: value for key, value in fields.items() if key not in _OF_TIMING} | changes
