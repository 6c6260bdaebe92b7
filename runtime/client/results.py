"""How far an awaited job has come, as `client_results` tells it, and what its caller is given."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any, Protocol, TypeVar
from uuid import UUID

import attrs

from runtime.codec.sealer import Sealer
from runtime.errors import JobFailed, ResultTimeout
from runtime.lifecycle import JobState

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

# Pauses between looks on a connection where we may not LISTEN, in seconds. The last is repeated: a
# waiter learns within 40 ms, and a look costs the database some 50 microseconds.
POLL_SECONDS = (0.005, 0.01, 0.02, 0.04)


class Reader(Protocol[R_co]):
    """Who reads an output: a handler, or a kind."""

    @property
    def sealer(self) -> Sealer: ...

    def decode_output(self, text: str | None) -> R_co:
        """An output from plain JSON text. Raises: OutputInvalid."""


@attrs.frozen
class Progress:
    """A job's state and, once it is final, what it left."""

    job_id: UUID
    state: JobState
    output: str | None
    error_class: str
    message: str
    trace: str
    kind: str

    def value(self, reader: Reader[R]) -> R:
        """The output. Raises: JobFailed, OutputInvalid, CodecError."""
        if self.state is JobState.COMPLETED:
            text = self.output
            if text is not None:
                text = reader.sealer.unseal("output", text, self.kind, self.job_id)
            return reader.decode_output(text)
        raise JobFailed(self.job_id, self.state.value, self.error_class, self.message, self.trace)


def progress_of(row: Sequence[Any]) -> Progress:
    """From a row of `client_results`."""
    job_id, state, output, error_class, message, trace, kind = row
    told = (error_class or "", message or "", trace or "")
    return Progress(UUID(str(job_id)), JobState(state), output, *told, kind)


class Patience:
    """How long a waiter waits, and how often it looks.

    Args: timeout: in seconds; None: for ever.
    """

    def __init__(self, job_id: UUID, timeout: float | None) -> None:
        self._job_id = job_id
        self._timeout = timeout
        self._end = math.inf if timeout is None else time.monotonic() + timeout
        self._pauses = chain(POLL_SECONDS, repeat(POLL_SECONDS[-1]))

    def pause(self) -> float:
        """Seconds until the next look. Raises: ResultTimeout, if the time is up."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise too_late(self._job_id, self._timeout)
        return min(next(self._pauses), left)


def too_late(job_id: UUID, timeout: float | None) -> ResultTimeout:
    """The error of a waiter whose time is up."""
    return ResultTimeout(f"job {job_id} has not ended within {timeout:g} s; it goes on")
