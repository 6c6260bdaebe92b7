"""How long a queue keeps its final jobs, where it is not as long as the nodes' options have it."""

from __future__ import annotations

from typing import Any

import attrs

from runtime.errors import UsageError
from runtime.showing import shown

# A hundred years.
MOST_SECONDS = 100 * 365.25 * 86_400.0


def _check(_: Any, field: attrs.Attribute[float | None], value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{field.name} is a number of seconds, not {shown(value)}")
    if not 0 <= value <= MOST_SECONDS:
        raise UsageError(f"{field.name} is 0 to {MOST_SECONDS:.0f} seconds, not {shown(value)}")


@attrs.frozen(kw_only=True)
class Kept:
    """Seconds by state; 0: for ever; None: as the leader's options have it. Raises: UsageError."""

    completed: float | None = attrs.field(default=None, validator=_check)
    cancelled: float | None = attrs.field(default=None, validator=_check)
    discarded: float | None = attrs.field(default=None, validator=_check)
