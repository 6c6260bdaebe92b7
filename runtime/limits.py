"""Limits of a queue over all nodes: what `client.queues.limit` takes, and what it shows."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import attrs

from runtime.errors import UsageError

# As many jobs as would begin in this time may begin at once, unless a burst is given: claims come
# some 10 ms apart, and each should find what has become due meanwhile.
BURST_SECONDS = 0.1
MOST = 1_000_000_000


def _whole(_: object, field: attrs.Attribute[Any], value: object) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 1 <= value <= MOST:  # type: ignore[operator]
        raise UsageError(f"{field.name} is {value!r}, but must be a whole number of at least 1")


def _seconds(_: object, field: attrs.Attribute[Any], value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0.001 <= value <= 366 * 86_400:  # type: ignore[operator]
        raise UsageError(f"{field.name} is {value!r}, but must be seconds, from 0.001 to a year")


@attrs.frozen
class Rate:
    """How many jobs may begin in a time, over all nodes, by the database's clock.

    At most `burst` begin at once; then one each `per / count` seconds. So in any `per` seconds no
    more than `count + burst - 1` begin. (It is the generic cell rate algorithm.)

    Args: count: of jobs. per: seconds. burst: jobs; by default 1, or, for more than ten jobs a
    second, what comes in a tenth of one. per_key: of each key, instead of the whole queue; jobs
    without a key are not limited then. Raises: UsageError.
    """

    count: int = attrs.field(validator=_whole)
    per: float = attrs.field(default=1.0, validator=_seconds)
    burst: int = attrs.field(
        default=attrs.Factory(lambda self: self._usual_burst(), takes_self=True), validator=_whole
    )
    per_key: bool = False

    def _usual_burst(self) -> int:
        try:
            return max(1, math.ceil(self.count * BURST_SECONDS / self.per - 1e-9))
        except (TypeError, ValueError, ArithmeticError):
            return 1  # their validators say what is wrong


def _rate(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not (value is None or isinstance(value, Rate)):
        raise UsageError(f"{field.name} is {value!r}, but must be a Rate(count, per=seconds)")


@attrs.frozen(kw_only=True)
class QueueLimits:
    """The limits of a queue; None and False: there is no such limit."""

    concurrency: int | None = attrs.field(default=None, validator=attrs.validators.optional(_whole))
    per_key: int | None = attrs.field(default=None, validator=attrs.validators.optional(_whole))
    rate: Rate | None = attrs.field(default=None, validator=_rate)
    fair: bool = False

    @property
    def takes_turns(self) -> bool:
        """Whether keys take turns."""
        return (
            self.fair or self.per_key is not None or (self.rate is not None and self.rate.per_key)
        )

    def __bool__(self) -> bool:
        return self.fair or any((self.concurrency, self.per_key, self.rate))


@attrs.frozen
class Queue:
    """A queue, as shown."""

    name: str
    paused_at: datetime | None
    available: int
    running: int
    oldest_age_seconds: float | None  # of the job that has been available for longest
    limits: QueueLimits | None  # over all nodes; None: it has none
