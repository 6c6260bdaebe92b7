"""What becomes of a run that raised, as its handler's hooks and policy have it.

    error ─▶ hooks, the handler's and then the app's: the first verdict decides
          ─▶ discard_on, retry_on: Discarded
          ─▶ backoff: Failed, with the policy's delay

Rules: whatever is decided, the failure is kept. What a hook or a policy raises is logged, and noted
at the end of the failure's trace; then it is as if they had said nothing. Nothing here raises.
Of a run that died with its process nobody here hears: its node decides (`actors.post_mortem`).
"""

from __future__ import annotations

import logging

import msgspec

from runtime.child.context import current
from runtime.child.handler import Handler
from runtime.outcome import (
    Cancel,
    Cancelled,
    Discard,
    Discarded,
    Failed,
    Failure,
    Snooze,
    Snoozed,
    Verdict,
)

logger = logging.getLogger("headrace")

Ruling = Failed | Discarded | Cancelled | Snoozed


def ruled(handler: Handler, attempt: int, error: BaseException, failure: Failure) -> Ruling:
    """The outcome of a run that failed with this error."""
    notes: list[str] = []
    verdict = _verdict(handler, error, notes)
    noted = _noted(failure, notes)
    match verdict:
        case Discard():
            return Discarded(noted)
        case Cancel():
            return Cancelled(noted)
        case Snooze():
            return Snoozed(verdict.seconds, noted)
    try:
        if handler.gives_up_on(error):
            return Discarded(noted)
        return Failed(noted, handler.backoff_for(attempt, error))
    except BaseException as second:
        _note(notes, "the policy", second)
        return Failed(_noted(failure, notes))


def _verdict(handler: Handler, error: BaseException, notes: list[str]) -> Verdict | None:
    job = current.get(None)
    if job is None:
        return None
    for hook in handler.error_hooks:
        try:
            verdict = hook(job, error)
        except BaseException as second:
            verdict = second if isinstance(second, Verdict) else None
            if verdict is None:
                _note(notes, f"the error hook {_name(hook)}", second)
        if isinstance(verdict, Discard | Cancel | Snooze):
            notes.append(f"{_name(hook)} said: {type(verdict).__name__}({_words(verdict)})")
            return verdict
    return None


def _note(notes: list[str], what: str, error: BaseException) -> None:
    notes.append(f"{what} failed: {type(error).__name__}: {_words(error)}")
    logger.error("%s failed on an error of a job", what, exc_info=error)


def _noted(failure: Failure, notes: list[str]) -> Failure:
    if not notes:
        return failure
    trace = "\n".join([failure.trace.rstrip("\n"), *notes])
    return msgspec.structs.replace(failure, trace=trace)


def _name(hook: object) -> str:
    return str(getattr(hook, "__qualname__", type(hook).__name__))


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as second:
        return f"(its message cannot be had: {type(second).__name__})"
