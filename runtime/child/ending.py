"""How a run ended: from what a handler returned or raised to its outcome.

    value          Completed, or what a returned Snooze, Discard or Cancel says
    Interrupted    JobTimeout, CpuTimeout: Failed; Expired: Discarded; JobCancelled: Cancelled;
                   RunStopped: GivenBack
    other errors   Failed, with the trace from the first frame that is not ours; so is a RunStopped
                   that nobody asked for, or its job would go back and run for ever, uncounted
    Failed         or what the handler's hooks and policy make of it (`runtime.child.ruling`)
    bad output     Discarded: the handler has done its work, and would return the same again
    sealed args    Snoozed, where the key is missing: see `runtime.child.keeping`
    Suspend        Suspended; so is ContinuedAsNew
    WorkflowError  Discarded: a replay would only raise it again

Rules: an exception that came of being interrupted, through `raise ... from` or a clean-up that
failed, counts as the interruption. Nothing here raises, not even MemoryError, and no text leaves
here over its limit.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

import msgspec

from runtime.child.handler import Handler
from runtime.child.keeping import is_kept, kept
from runtime.child.ruling import ruled
from runtime.child.settings import ChildSettings
from runtime.errors import (
    Expired,
    Interrupted,
    JobCancelled,
    PayloadError,
    PayloadInvalid,
    RunStopped,
)
from runtime.outcome import (
    Cancel,
    Cancelled,
    Completed,
    Discard,
    Discarded,
    Failed,
    Failure,
    GivenBack,
    Outcome,
    Snooze,
    Snoozed,
    Suspended,
    Verdict,
)
from runtime.payload import PayloadLimits, check_size, cut
from runtime.showing import class_name
from runtime.workflow.failures import RunLost, WorkflowError
from runtime.workflow.suspend import ContinuedAsNew, suspend_of

# Of a trace that is too long, this share is kept from its end, where the error itself stands.
_TRACE_TAIL = 0.5
_RUNTIME = Path(__file__).parents[1]
_OURS = tuple(str(_RUNTIME / name) for name in ("child", "injection", "workflow"))
_APP_FILES = tuple(
    str(_RUNTIME / name) for name in ("app.py", "handler.py", "handler_batch.py", "middleware.py")
)

COMPLETED = Completed()
TAKEN_BACK = GivenBack("taken back before it began")
EXPIRED = Discarded(Failure("Expired", "its deadline (expires_at) came before it was begun"))


class Judge:
    """Makes outcomes, by one node's limits."""

    def __init__(self, settings: ChildSettings) -> None:
        self._limits = PayloadLimits(
            output_bytes=settings.output_limit_bytes, failure_bytes=settings.text_limit_bytes
        )

    @property
    def output_bytes(self) -> int:
        """The largest output."""
        return self._limits.output_bytes

    def of_value(self, handler: Handler, value: object) -> Outcome:
        """The outcome of a handler that returned."""
        if value is None:
            return COMPLETED
        if isinstance(value, Verdict):
            return self._of_verdict(value)
        try:
            output = handler.encode_output(value)
            if output is not None:
                check_size("output", output, self._limits)
        except PayloadError as error:
            return Discarded(self.failure(error))
        except BaseException as error:
            reason = f"cannot be written as JSON: {_message(error)}"
            return Discarded(self.failure(PayloadInvalid("output", "$", reason)))
        return Completed(output)

    def of_error(
        self, handler: Handler | None, attempt: int, error: BaseException, *, told: bool = True
    ) -> Outcome:
        """The outcome of a handler that raised. `told`: whether it had been told to stop."""
        suspend = suspend_of(error)
        if suspend is not None:
            return Suspended(suspend.seconds, suspend.waits)
        if isinstance(error, ContinuedAsNew):
            return Suspended(0.0)
        interrupted = next((e for e in chain(error) if isinstance(e, Interrupted)), None)
        if interrupted is not None and (told or _ends_uncounted(interrupted)):
            return self.of_interruption(handler, attempt, interrupted, error)
        if isinstance(error, Verdict):
            return self._of_verdict(error)
        if isinstance(error, MemoryError):
            _let_go(error)
        if is_kept(error):
            return kept(self.failure(error))
        return self._ruled(handler, attempt, error, self.failure(error))

    def of_interruption(
        self,
        handler: Handler | None,
        attempt: int,
        interrupted: Interrupted,
        error: BaseException,
    ) -> Outcome:
        """The outcome of a run that was interrupted and ended with `error`."""
        if isinstance(interrupted, RunStopped):
            return GivenBack(_message(interrupted))
        failure = self._failure(interrupted, error)
        if isinstance(interrupted, JobCancelled):
            return Cancelled(failure)
        if isinstance(interrupted, Expired):
            return Discarded(failure)
        return self._ruled(handler, attempt, interrupted, failure)

    def _of_verdict(self, verdict: Verdict) -> Outcome:
        if isinstance(verdict, Snooze):
            return Snoozed(verdict.seconds)
        limit = self._limits.failure_bytes
        failure = Failure(type(verdict).__name__, cut(_message(verdict), limit))
        if isinstance(verdict, Cancel):
            return Cancelled(failure)
        if isinstance(verdict, Discard):
            return Discarded(failure)
        return Failed(failure)

    def _ruled(
        self, handler: Handler | None, attempt: int, error: BaseException, failure: Failure
    ) -> Outcome:
        if handler is None:
            return Failed(failure)
        outcome = ruled(handler, attempt, error, failure)
        if isinstance(outcome, Failed) and isinstance(error, WorkflowError):
            outcome = Discarded(outcome.failure)
        noted = outcome.failure
        if noted is None or noted is failure:
            return outcome
        trace = cut(noted.trace, self._limits.failure_bytes, tail_share=_TRACE_TAIL)
        return msgspec.structs.replace(outcome, failure=msgspec.structs.replace(noted, trace=trace))

    def failure(self, error: BaseException) -> Failure:
        """The error as a failure: class, message, trace."""
        return self._failure(error, error)

    def _failure(self, error: BaseException, traced: BaseException) -> Failure:
        limit = self._limits.failure_bytes
        return Failure(
            error_class=cut(class_name(type(error)), limit),
            message=cut(_message(error), limit),
            trace=cut(_trace(traced), limit, tail_share=_TRACE_TAIL),
        )


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came of, as a traceback would show it."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _ends_uncounted(interrupted: Interrupted) -> bool:
    """Whether it was not raised by the handler itself, as a RunStopped might be."""
    return isinstance(interrupted, RunLost) or not isinstance(interrupted, RunStopped)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as second:
        return f"(its message cannot be had: {type(second).__name__})"


def _trace(error: BaseException) -> str:
    try:
        trace = traceback.TracebackException.from_exception(error, compact=True)
        _hide_our_frames(trace)
        return "".join(trace.format())
    except BaseException as second:
        return f"{class_name(type(error))} (its trace cannot be had: {type(second).__name__})"


def _hide_our_frames(trace: traceback.TracebackException) -> None:
    todo: list[traceback.TracebackException | None] = [trace]
    while todo:
        link = todo.pop()
        if link is None:
            continue
        link.stack[:] = [frame for frame in link.stack if not _is_ours(frame.filename)]
        todo += [link.__cause__, link.__context__, *(link.exceptions or ())]


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS) or filename in _APP_FILES


def _let_go(error: BaseException) -> None:
    """Free what the frames of a failed handler hold, so that there is memory to tell of it."""
    for link in chain(error):
        traceback.clear_frames(link.__traceback__)
