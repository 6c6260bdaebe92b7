"""What there is to tell of a settled run: the events made of it. Pure."""

from __future__ import annotations

from actors import events
from actors.acker import Settled
from runtime.errors import PayloadInvalid, PayloadTooLarge
from runtime.outcome import Cancelled, Completed, Discarded, Failed, GivenBack, Snoozed

# A child that refuses its own handler's output says so by these.
_REFUSALS = frozenset({PayloadTooLarge.__name__, PayloadInvalid.__name__})

_WORDS: dict[type[object], str] = {
    Completed: "completed",
    Failed: "failed",
    Snoozed: "snoozed",
    Discarded: "discarded",
    Cancelled: "cancelled",
    GivenBack: "given_back",
}


def ended(settled: Settled, seconds: float) -> events.RunEnded:
    """How the run ended, after so many seconds."""
    job, outcome = settled.job, settled.outcome
    error = ""
    if isinstance(outcome, Failed | Discarded | Cancelled):
        error = f"{outcome.failure.error_class}: {outcome.failure.message}"
    word = _WORDS[type(outcome)]
    return events.RunEnded(job.kind, job.queue, word, seconds, job.wait_seconds, job.id, error)


def refusal(settled: Settled) -> events.PayloadRefused | None:
    """That its output was refused, if that is how it ended."""
    outcome, job = settled.outcome, settled.job
    if isinstance(outcome, Discarded) and outcome.failure.error_class in _REFUSALS:
        return events.PayloadRefused("output", outcome.failure.message, job.kind, job.id)
    return None
