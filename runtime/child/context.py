"""What a handler may know of the job that it runs for.

Rule: made for each run, so it costs nothing until asked: it holds the frame, and decodes on demand.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from uuid import UUID

import msgspec

from runtime.errors import PayloadInvalid, UsageError
from runtime.wire import Run


class JobContext:
    """The job and the run that the current handler serves."""

    __slots__ = ("_frame", "_metadata")

    def __init__(self, frame: Run) -> None:
        self._frame = frame
        self._metadata: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<JobContext {self.kind} {self.id} attempt {self.attempt}/{self.max_attempts}>"

    @property
    def id(self) -> UUID:
        """The job's id."""
        return UUID(bytes=self._frame.id)

    @property
    def kind(self) -> str:
        """The handler's stable name."""
        return self._frame.kind

    @property
    def queue(self) -> str:
        """The queue that the job was claimed from."""
        return self._frame.queue

    @property
    def attempt(self) -> int:
        """Counted tries, this one included; from 1."""
        return self._frame.attempt

    @property
    def max_attempts(self) -> int:
        """After this many counted tries the job is discarded."""
        return self._frame.max_attempts

    @property
    def run_number(self) -> int:
        """This execution's number; never reused."""
        return self._frame.run_number

    @property
    def metadata(self) -> dict[str, Any]:
        """What was given as metadata at enqueue. Changes to it are not kept.

        Raises: PayloadInvalid, for what another writer has nested too deep to be read, or the like.
        """
        if self._metadata is None:
            self._metadata = _read(self._frame.metadata)
        return self._metadata


def _read(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise PayloadInvalid("metadata", "$", f"cannot be read: {error}") from error


current: ContextVar[JobContext] = ContextVar("headrace_current_job")
"""The running handler's job; `current.get()` raises LookupError outside of a handler."""


def current_job() -> JobContext:
    """The job that the calling handler runs for. Raises: UsageError, outside of a handler."""
    try:
        return current.get()
    except LookupError:
        raise UsageError("current_job() is for handlers; no handler runs here") from None
