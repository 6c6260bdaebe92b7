"""What there is to tell of a settled run: the events made of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors import events
from actors.acker import Acker, Settled
from runtime.errors import PayloadInvalid, PayloadTooLarge
from runtime.outcome import (
    Cancelled,
    Completed,
    Discarded,
    Failed,
    Failure,
    GivenBack,
    Snoozed,
    Suspended,
)

# A child that refuses its own handler's output says so by these.
_REFUSALS = frozenset({PayloadTooLarge.__name__, PayloadInvalid.__name__})

_WORDS: dict[type[object], str] = {
    Completed: "completed",
    Failed: "failed",
    Snoozed: "snoozed",
    Discarded: "discarded",
    Cancelled: "cancelled",
    GivenBack: "given_back",
    Suspended: "suspended",
}
# As a tuple: a union would be made anew for each run.
_MAY_HAVE_FAILED = (Failed, Discarded, Cancelled, Snoozed)


def ended(settled: Settled, seconds: float) -> events.RunEnded:
    """How the run ended, after so many seconds."""
    job, outcome = settled.job, settled.outcome
    error = ""
    if isinstance(outcome, _MAY_HAVE_FAILED) and outcome.failure:
        error = f"{outcome.failure.error_class}: {outcome.failure.message}"
    word = _WORDS[type(outcome)]
    waits = outcome.waits if isinstance(outcome, Suspended) else ""
    return events.RunEnded(
        job.kind, job.queue, word, seconds, job.wait_seconds, job.id, error, waits
    )


def refusal(settled: Settled) -> events.PayloadRefused | None:
    """That its output was refused, if that is how it ended."""
    outcome, job = settled.outcome, settled.job
    if isinstance(outcome, Discarded) and outcome.failure.error_class in _REFUSALS:
        return events.PayloadRefused("output", outcome.failure.message, job.kind, job.id)
    return None


# What a handler's return comes to that has not committed the transaction it completed its job in.
_NOT_COMMITTED = Failed(
    Failure(
        "NotCommitted",
        "the handler completed its job in a transaction of its own, and returned without "
        "committing it: nothing of it was kept",
    )
)


def into_doubt(acker: Acker, settled: Settled, seconds: float) -> None:
    """Hand over a run whose handler has completed the job in a transaction of its own."""
    if isinstance(settled.outcome, Completed):
        settled = msgspec.structs.replace(settled, outcome=_NOT_COMMITTED)
    acker.doubt(settled, ended(settled, seconds))


def tell(observe: events.Observer, settled: Sequence[tuple[Settled, float]]) -> None:
    """Tell of these runs, with the seconds that each took."""
    observe(events.RunsEnded([ended(run, seconds) for run, seconds in settled]))
    for run, _ in settled:
        if (refused := refusal(run)) is not None:
            observe(refused)
