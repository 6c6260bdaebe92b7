"""How a run ended: what a child tells its Worker, and what a Worker says of a child that died.

Rules: an outcome is data that crosses the wire; it names no state. What becomes of the job is
decided in `lifecycle.decide` alone. `Snooze`, `Discard` and `Cancel` are what a handler raises or
returns to choose its ending.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """Why a run failed; one row of the table `failure`.

    Attributes: error_class, e.g. "ValueError"; message; trace, the Python traceback or the child's
    last stack; pid, of the process that ran it; exit_status and signal of a child that died (None
    while it lives); signal as a name such as "SIGKILL".
    """

    error_class: str
    message: str
    trace: str = ""
    pid: int | None = None
    exit_status: int | None = None
    signal: str | None = None


class Completed(msgspec.Struct, frozen=True, array_like=True, tag="completed", gc=False):
    """The handler returned. `output` is its JSON text, or None for a handler that returned None."""

    output: str | None = None


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """The run failed.

    Attributes: delay_seconds, if set, is the handler's own choice of backoff; crashed, whether the
    run has killed its process, which is charged to the job's crash budget.
    """

    failure: Failure
    delay_seconds: float | None = None
    crashed: bool = False


class Snoozed(msgspec.Struct, frozen=True, array_like=True, tag="snoozed"):
    """The handler asks to be run again after `seconds`; not counted as an attempt.

    `failure`: the error that it had, if its error hook asked for the snooze.
    """

    seconds: float
    failure: Failure | None = None


class Discarded(msgspec.Struct, frozen=True, array_like=True, tag="discarded"):
    """Given up for good: by the handler, or because no retry could help."""

    failure: Failure


class Cancelled(msgspec.Struct, frozen=True, array_like=True, tag="cancelled"):
    """Stopped on request."""

    failure: Failure


class GivenBack(msgspec.Struct, frozen=True, array_like=True, tag="given_back"):
    """Not run to an end through no doing of its own (drain, a neighbour's death): not counted."""

    reason: str


class Suspended(msgspec.Struct, frozen=True, array_like=True, tag="suspended"):
    """A workflow waits: it is run again when one of its open steps can go on; not counted.

    Attributes: seconds, until the soonest time that one of them waits for; None: they wait for no
    time; waits, for what, such as "signal approved", for people.
    """

    seconds: float | None = None
    waits: str = ""


Outcome = Completed | Failed | Snoozed | Discarded | Cancelled | GivenBack | Suspended


class Verdict(Exception):
    """Base of what a handler raises or returns to choose its ending other than by its value."""


class Snooze(Verdict):
    """Run me again after `delay` (seconds or timedelta); the attempt is not counted."""

    def __init__(self, delay: float | timedelta) -> None:
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"snooze for {delay!r}: give a delay of 0 seconds or more")
        self.seconds = seconds
        super().__init__(seconds)


class Discard(Verdict):
    """Give this job up: no retry could help. `reason` is kept as its failure."""

    def __init__(self, reason: str = "discarded by its handler") -> None:
        self.reason = reason
        super().__init__(reason)


class Cancel(Verdict):
    """This job is no longer wanted. `reason` is kept as its failure."""

    def __init__(self, reason: str = "cancelled by its handler") -> None:
        self.reason = reason
        super().__init__(reason)
