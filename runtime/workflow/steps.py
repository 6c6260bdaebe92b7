"""A step: a function whose result is recorded, so that it is not called again at replay.

    call ─▶ recorded                         a value, as JSON
         ─▶ nap, or wait in an open record   an error, with tries left
         ─▶ recorded ─▶ StepFailed           an error, with none

Rules: a function may be called again as long as its result is not recorded: where its process dies
before that. Errors that end the run (an interruption, Snooze, Discard, Cancel) are nobody's result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runtime.errors import PayloadError, UsageError
from runtime.handler_options import check_name, seconds_of
from runtime.outcome import Verdict
from runtime.payload import cut
from runtime.showing import class_name
from runtime.workflow.failures import StepFailed
from runtime.workflow.flow import Call, Flow, Nap
from runtime.workflow.inputs import check_input
from runtime.workflow.records import LONGEST_ERROR_BYTES, Recalled, StepError
from runtime.workflow.retry import Retry, RetryOption, retry_of
from runtime.workflow.spot import Spot
from runtime.workflow.strand import Strand
from runtime.workflow.values import Reader, reader_of

# A retry so soon is waited for in the process: to suspend and to replay takes longer.
_SHORT_SECONDS = 1.0


class Step:
    """One call of a step, with its options. Raises: UsageError."""

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        retry: RetryOption | None = None,
        timeout: object = None,
    ) -> None:
        self.name = check_name("a step's name", name)
        if not callable(function):
            raise UsageError(f"step {name!r} takes a function, not {function!r:.200}")
        self.retry: Retry = retry_of(retry)
        self.call = Call(function, args, kwargs, seconds_of("timeout", timeout))
        self.read: Reader = reader_of(function)

    def __call__(self, strand: Strand) -> Flow[Any]:
        """Its flow. Raises: StepFailed, WorkflowChanged."""
        spot = yield from strand.enter("step", self.name)
        seen = spot.seen
        if seen is not None:
            if seen.done:
                return self.replayed(strand, seen)
            if not seen.over:
                raise strand.wait_on(seen)
        return (yield from self._tried(strand, spot, 0 if seen is None else seen.attempts))

    def replayed(self, strand: Strand, seen: Recalled) -> Any:
        """What was recorded. Raises: StepFailed."""
        if seen.error is not None:
            raise StepFailed(self.name, seen.error.error_class, seen.error.message)
        return self.read(strand.session.opened(seen.output))

    def _tried(self, strand: Strand, spot: Spot, attempts: int) -> Flow[Any]:
        first = attempts + 1
        while True:
            attempts += 1
            began = time.monotonic()
            try:
                if attempts == first:
                    self.check(f"input of step {self.name!r}", strand)
                value = yield self.call
                text = strand.session.written(f"output of step {self.name!r}", value)
                value = self.read(text)
                stored = strand.session.sealed(text)
            except Verdict:
                raise
            except Exception as error:
                delay = self._delay(attempts, error)
                told = error_of(error)
                if delay is None:
                    strand.put(spot.record(error=told, attempts=attempts))
                    raise StepFailed(self.name, told.error_class, told.message) from error
            else:
                seconds = time.monotonic() - began
                strand.put(spot.record(output=stored, attempts=attempts, seconds=seconds))
                return value
            if delay >= _SHORT_SECONDS:
                opened = spot.record(done=False, error=told, attempts=attempts, until_seconds=delay)
                raise strand.suspend(opened, seconds=delay)
            yield Nap(delay)

    def check(self, what: str, strand: Strand) -> None:
        """Raises: PayloadTooLarge."""
        check_input(what, self.call.args, self.call.kwargs, strand.session.desk.stored_limit)

    def _delay(self, attempts: int, error: Exception) -> float | None:
        """What cannot be stored was done, and would be the same again."""
        unkept = isinstance(error, PayloadError)
        return None if unkept else self.retry.delay_seconds(attempts, error)


def error_of(error: BaseException) -> StepError:
    """As it is kept with a step."""
    try:
        message = str(error)
    except Exception as second:
        message = f"(its message cannot be had: {type(second).__name__})"
    return StepError(class_name(type(error)), cut(message, LONGEST_ERROR_BYTES))
