"""Child specs: what a supervisor must know of a child. Plain data, fit to be shared and reused."""

import math
from collections.abc import Awaitable, Callable
from enum import Enum

import attrs

from actors.kit.life import Life


class Restart(Enum):
    """When a child that ended comes back (as in OTP)."""

    PERMANENT = "permanent"  # always, also after a normal return
    TRANSIENT = "transient"  # only after a crash
    TEMPORARY = "temporary"  # never, not even when its siblings are restarted


class Strategy(Enum):
    """Who is restarted when one child has to be (as in OTP)."""

    ONE_FOR_ONE = "one_for_one"  # that child
    ONE_FOR_ALL = "one_for_all"  # all children
    REST_FOR_ONE = "rest_for_one"  # that child and those that start after it


def _check_name(_spec: object, _field: object, name: str) -> None:
    if not name or "/" in name:
        raise ValueError(f"a child's name must be non-empty and without '/': {name!r}")


@attrs.frozen
class ChildSpec:
    """One child of a supervisor.

    `start(life)` runs until the child is done: returning is its normal end, raising its crash. It
    is called anew for each incarnation, so what an incarnation owns is made inside the call.
    """

    name: str = attrs.field(validator=_check_name)  # unique among its siblings
    start: Callable[[Life], Awaitable[None]]
    restart: Restart = Restart.PERMANENT
    # Seconds to leave by itself after stopping is set; then it is cancelled. 0: cancelled at once;
    # inf: waited for (right for supervisors, whose own children have deadlines). 5 s as in OTP.
    shutdown_seconds: float = attrs.field(default=5.0, validator=attrs.validators.ge(0))
    # Seconds until life.started() must have been called; later is a crash.
    start_seconds: float = attrs.field(default=math.inf, validator=attrs.validators.gt(0))
