"""The payload guard at the Store's boundary: the same for every Store, whoever calls.

Rules: a job to be enqueued is refused with its index, and with it the whole call. An outcome is
never refused, because its run has happened: an output that cannot be kept becomes the discarding
of its job, once, and texts of failures are cut. From the warning size on, a callback and the log
say so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import attrs
import msgspec

from actors.store.protocol import RunNote, RunRecords
from runtime.errors import PayloadError, PayloadTooLarge, UsageError
from runtime.handler_options import LONGEST_SECONDS, MAX_NAME_LENGTH
from runtime.job import NewJob
from runtime.job_entry import wrong_options
from runtime.lifecycle import Ack, JobState
from runtime.note import (
    LONGEST_LINE_BYTES,
    LONGEST_MESSAGE_BYTES,
    LONGEST_NAME_BYTES,
    MOST_LINES,
    LogLine,
    Note,
)
from runtime.outcome import Failure
from runtime.payload import (
    DEFAULT_LIMITS,
    PayloadLimits,
    byte_size,
    check_size,
    check_text,
    cut,
    storable,
)
from runtime.workflow.records import Record, Refused, Spawn, StepRecord

log = logging.getLogger(__name__)

LONGEST_ERROR_CLASS_BYTES = 1024
# Of a step's place, in characters: dozens of gathers within one another.
LONGEST_PLACE = 200
# The end of a traceback says what was raised, its beginning how it came to that.
TRACE_TAIL_SHARE = 0.6

OnWarning = Callable[[str, int], None]
"""Called with the field ("args", "output") and its size in bytes."""


def ignore_warning(field: str, size: int) -> None:
    """The default of `on_warning`: the log alone."""


@attrs.frozen
class Guard:
    """Checks what goes into a Store. Pure but for the warnings."""

    limits: PayloadLimits = DEFAULT_LIMITS
    on_warning: OnWarning = ignore_warning

    def check_jobs(self, jobs: Sequence[NewJob]) -> None:
        """Raises: PayloadTooLarge, PayloadInvalid or UsageError, with the index of the job."""
        for index, job in enumerate(jobs):
            _check_options(job, index)
            # Size first: what is refused for it need not be read.
            check_size("metadata", job.metadata, self.limits, index=index)
            large = check_size("args", job.args, self.limits, index=index)
            check_text("args", job.args, index=index)
            check_text("metadata", job.metadata, index=index)
            if large:
                self._warn("args", job.args, job.kind)

    def checked_acks(self, acks: Sequence[Ack]) -> list[Ack]:
        """The acks, with what cannot be kept replaced by what can."""
        return [self._checked_ack(ack) for ack in acks]

    def _checked_ack(self, ack: Ack) -> Ack:
        if ack.delay_seconds is not None and ack.delay_seconds > LONGEST_SECONDS:
            ack = msgspec.structs.replace(ack, delay_seconds=LONGEST_SECONDS)
        if ack.output is not None:
            try:
                self._check_output(ack.output)
            except PayloadError as error:
                return self.refusal(ack, error)
        if ack.failure is not None:
            return msgspec.structs.replace(ack, failure=self.cut_failure(ack.failure))
        return ack

    def _check_output(self, output: str) -> None:
        warn = check_size("output", output, self.limits)
        if "\\u0000" in output:  # the one thing that a JSON encoder writes and PostgreSQL refuses
            check_text("output", output)
        if warn:
            self._warn("output", output, "an output")

    def refusal(self, ack: Ack, error: Exception) -> Ack:
        """The ack of a run whose output cannot be written: discarded, since no retry would help."""
        failure = Failure(type(error).__name__, str(error))
        return Ack(ack.id, ack.run_number, JobState.DISCARDED, failure=self.cut_failure(failure))

    def cut_failure(self, failure: Failure) -> Failure:
        """The failure with its texts made storable and cut to the limit."""
        limit = self.limits.failure_bytes
        return msgspec.structs.replace(
            failure,
            error_class=cut(failure.error_class, LONGEST_ERROR_CLASS_BYTES),
            message=cut(failure.message, limit),
            trace=cut(failure.trace, limit, tail_share=TRACE_TAIL_SHARE),
        )

    def refused_records(self, records: RunRecords) -> Refused | None:
        """Why what a run asks cannot be recorded, or None."""
        ask = records.ask
        steps = ask.steps if isinstance(ask, Record) else (ask.step,)
        try:
            for step in steps:
                self._check_step(step)
            if isinstance(ask, Spawn):
                self._check_children(ask)
        except PayloadTooLarge as error:
            return Refused("too_large", str(error))
        except UsageError as error:
            return Refused("invalid", str(error))
        return None

    def _check_children(self, ask: Spawn) -> None:
        """Raises: PayloadTooLarge, PayloadInvalid, UsageError; with the step and the item."""
        try:
            self.check_jobs(ask.jobs)
        except PayloadTooLarge as error:
            whose = (
                f"child {ask.step.name!r} ({ask.step.place}), item {ask.first + (error.index or 0)}"
            )
            raise PayloadTooLarge(f"{error.field} of {whose}", error.size, error.limit) from None

    def _check_step(self, step: StepRecord) -> None:
        """Raises: PayloadTooLarge, PayloadInvalid, UsageError."""
        field = f'output of step "{step.name:.100}" ({step.place})'
        if not (0 < len(step.place) <= LONGEST_PLACE and len(step.name) <= MAX_NAME_LENGTH):
            raise UsageError(f"{field}: a step's name has {MAX_NAME_LENGTH} characters at most")
        if storable(step.name) != step.name:
            raise UsageError(f"{field}: its name holds a character that PostgreSQL cannot keep")
        if step.output is None:
            return
        try:
            warn = check_size("output", step.output, self.limits)
        except PayloadTooLarge as error:
            raise PayloadTooLarge(field, error.size, error.limit) from None
        if "\\u0000" in step.output:
            check_text(field, step.output)
        if warn:
            self._warn("output", step.output, f"step {step.name!r} ({step.place})")

    def checked_note(self, noted: RunNote) -> RunNote:
        """The note with its texts cut and what is over its limit left out.

        Its run has checked it; this stands behind a handler that writes frames of its own.
        """
        note = noted.note
        stored, progress = note.stored, note.progress
        if stored is not None and byte_size(stored) > self.limits.output_bytes:
            stored = None
        if progress is not None and not 0.0 <= progress <= 1.0:
            progress = None
        message = None if note.message is None else cut(note.message, LONGEST_MESSAGE_BYTES)
        lines = tuple(_checked_line(line) for line in note.lines[-MOST_LINES:])
        checked = Note(progress, message, stored, lines, note.last_line, note.kept_from)
        return RunNote(noted.job_id, noted.run_number, checked)

    def _warn(self, field: str, text: str, whose: str) -> None:
        size = byte_size(text)
        log.warning(
            "%s of %s: %d bytes of JSON; the limit is %d", field, whose, size, self.limits.of(field)
        )
        self.on_warning(field, size)


def _checked_line(line: LogLine) -> LogLine:
    level, logger = (cut(name, LONGEST_NAME_BYTES) for name in (line.level, line.logger))
    text = cut(line.text, LONGEST_LINE_BYTES, tail_share=TRACE_TAIL_SHARE)
    return LogLine(line.at, level, logger, text)


def _check_options(job: NewJob, index: int) -> None:
    for reason in wrong_options(job):
        raise UsageError(f"job {index} ({job.kind!r}): {reason}")
