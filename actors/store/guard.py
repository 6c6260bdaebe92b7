"""The payload guard at the Store's boundary: the same for every Store, whoever calls.

Rules: a job to be enqueued is refused with its index, and with it the whole call. An outcome is
never refused, because its run has happened: an output that cannot be kept becomes the discarding
of its job, once, and texts of failures are cut. From the warning size on, a callback and the log
say so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import attrs
import msgspec

from runtime.errors import PayloadError, UsageError
from runtime.job import MAX_PRIORITY, NewJob
from runtime.lifecycle import Ack, JobState
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

log = logging.getLogger(__name__)

# These repeat the named CHECKs of schema/migrations/001_jobs.sql, so that the caller learns which
# job of a bulk it was; the CHECKs stand behind them for other writers.
LONGEST_NAME = 127  # characters
MOST_ATTEMPTS = 32_000
MOST_TAGS = 100
LONGEST_TAGS_BYTES = 8 * 1024  # together; the CHECK, of 32 KiB, counts quotes and escapes too
# A hundred years: longer delays and timeouts are mistakes, and overflow the database's times.
LONGEST_SECONDS = 100 * 365.25 * 86_400.0
LONGEST_ERROR_CLASS_BYTES = 1024
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

    def _warn(self, field: str, text: str, whose: str) -> None:
        size = byte_size(text)
        log.warning(
            "%s of %s: %d bytes of JSON; the limit is %d", field, whose, size, self.limits.of(field)
        )
        self.on_warning(field, size)


def _check_options(job: NewJob, index: int) -> None:
    for reason in _wrong_options(job):
        raise UsageError(f"job {index} ({job.kind!r}): {reason}")


def _wrong_options(job: NewJob) -> Iterator[str]:
    for field, name in (("kind", job.kind), ("queue", job.queue)):
        if not 1 <= len(name) <= LONGEST_NAME:
            yield f"{field} has {len(name)} characters; give 1 to {LONGEST_NAME}"
        if storable(name) != name:
            yield f"{field} holds a character that PostgreSQL cannot keep"
    if not 1 <= job.priority <= MAX_PRIORITY:
        yield f"priority {job.priority}; give 1 to {MAX_PRIORITY}"
    if not 1 <= job.max_attempts <= MOST_ATTEMPTS:
        yield f"max_attempts {job.max_attempts}; give 1 to {MOST_ATTEMPTS}"
    yield from _wrong_times(job)
    yield from _wrong_tags(job.tags)


def _wrong_times(job: NewJob) -> Iterator[str]:
    if job.delay_seconds is not None and job.scheduled_at is not None:
        yield "both delay_seconds and scheduled_at; give one of them"
    for field, seconds in (("delay", job.delay_seconds), ("timeout", job.timeout_seconds)):
        if seconds is not None and not 0 <= seconds <= LONGEST_SECONDS:
            yield f"{field} of {seconds} seconds; give 0 to {LONGEST_SECONDS:,.0f}"
    if job.scheduled_at is not None and job.scheduled_at.tzinfo is None:
        yield "scheduled_at without a time zone"


def _wrong_tags(tags: Sequence[str]) -> Iterator[str]:
    if len(tags) > MOST_TAGS:
        yield f"{len(tags)} tags; the limit is {MOST_TAGS}"
    text = "".join(tags)
    if storable(text) != text:
        yield "a tag holds a character that PostgreSQL cannot keep"
    if byte_size(storable(text)) > LONGEST_TAGS_BYTES:
        yield f"tags of more than {LONGEST_TAGS_BYTES:,} bytes together"
