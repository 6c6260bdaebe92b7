"""What a handler may know of the job that it runs for, and what it may tell while it runs.

Rule: made for each run, so it costs nothing until asked: it holds the frame, and decodes on demand.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Awaitable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, overload
from uuid import UUID

import msgspec

from runtime import payload
from runtime.child.completing import complete
from runtime.child.notebook import NOBODY, Desk, Notebook
from runtime.codec.sealer import PLAIN, Sealer
from runtime.errors import PayloadInvalid, UsageError
from runtime.wire import Run

if TYPE_CHECKING:
    from runtime.client.connections import AsyncConn, SyncConn

_LOGGER = "job"  # of lines that a handler logs through its job
_making = threading.RLock()  # held while a run's notebook is made


class JobContext:
    """The job and the run that the current handler serves. Any thread of the handler may use it.

    What `progress`, `store` and `log` tell can be seen while the run goes on: by `headrace job
    show ID --follow` and `client.follow(job)`. It is told ten times a second at most, the last
    of it when the run ends, and lost where the process is killed: a job never waits for it.
    """

    __slots__ = ("_begun", "_desk", "_frame", "_metadata", "_notebook")

    def __init__(self, frame: Run, desk: Desk = NOBODY) -> None:
        self._frame = frame
        self._desk = desk
        self._begun = time.monotonic()
        self._metadata: dict[str, Any] | None = None
        self._notebook: Notebook | None = None

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

    # --- how long it may go on --------------------------------------------------------------------

    @property
    def seconds_left(self) -> float | None:
        """Until the run is told to stop, by its timeout or its job's expiry; None: no such time."""
        timeout, expires_ns = self._frame.timeout_seconds, self._frame.expires_ns
        if timeout is None and expires_ns is None:
            return None
        end = math.inf if timeout is None else self._begun + timeout
        if expires_ns is not None:
            end = min(end, expires_ns / 1e9)
        return max(0.0, end - time.monotonic())

    @property
    def deadline(self) -> datetime | None:
        """The same as a time in UTC, by this machine's clock."""
        left = self.seconds_left
        if left is None:
            return None
        try:
            return datetime.fromtimestamp(time.time() + left, UTC)
        except OverflowError:
            return None  # after the last date that there is

    @property
    def stop_reason(self) -> str | None:
        """Why this run was told to stop, or None.

        "cancel", "timeout", "cpu" (its CPU timeout), "expired" (its job) or "stop" (of the node).
        For what polls: a helper thread, or code that holds an interruption back.
        """
        return self._desk.stop_reason(self._frame.seq)

    @property
    def stopping(self) -> bool:
        """Whether this run was told to stop, for whatever reason."""
        return self.stop_reason is not None

    @property
    def cancelled(self) -> bool:
        """Whether this run was told that somebody cancelled its job."""
        return self.stop_reason == "cancel"

    # --- what it tells ----------------------------------------------------------------------------

    def progress(self, fraction: float, message: str | None = None) -> None:
        """How far the run has come, from 0 to 1, and what it is at, in at most 1 KiB.

        Raises: UsageError, for what is no such number.
        """
        self._notes.progress(fraction, message)

    def store(self, value: Any) -> None:
        """Keep a JSON value with the job, in place of the one before, whatever becomes of the run.

        It is held to the rules and the limit of an output, and sealed as that is.
        Raises: PayloadInvalid, PayloadTooLarge: then nothing was stored.
        """
        # What an app's handler has; others have no codec.
        sealer: Sealer = getattr(self._desk.handler(self.kind), "sealer", PLAIN)
        text = payload.encode("stored", value)
        self._notes.store(sealer.seal("stored", text, self.kind, self.id))

    def log(self, text: str, level: str = "INFO") -> None:
        """Add a line to the job's log, as records of `logging` made in the handler are added.

        The last 200 lines of a run are kept, and 64 KiB of them.
        """
        self._notes.log(str(text), str(level), _LOGGER, time.time())

    # --- how it may end ---------------------------------------------------------------------------

    @overload
    def complete(self, conn: AsyncConn, output: Any = None) -> Awaitable[None]: ...
    @overload
    def complete(self, conn: SyncConn, output: Any = None) -> None: ...
    def complete(self, conn: Any, output: Any = None) -> Any:
        """Complete the job in your own transaction: it commits with the job's effects, or neither.

        `conn` is of any library that `enqueue` takes; async ones make this awaitable. `output` is
        the job's: what the handler returns later is not. Commit, and return; without a commit the
        run has failed, whatever it returns. Once committed, the job is completed, whatever becomes
        of the handler or its process.
        Raises: JobLost, JobCancelled: let them pass, so that the transaction is rolled back;
        UsageError, PayloadInvalid, PayloadTooLarge, before anything is sent.
        """
        return complete(self._frame, self._desk, self._begun, conn, output)

    @property
    def _notes(self) -> Notebook:
        """Made when something is told first."""
        return self._notebook or self._desk.undisturbed(self._make_notebook)

    def _make_notebook(self) -> Notebook:
        with _making:
            if self._notebook is None:
                self._notebook = Notebook(self._frame.seq, self._desk)
            return self._notebook

    @property
    def run_and_desk(self) -> tuple[Run, Desk]:
        """For a workflow: what its run was told, and whom it asks."""
        return self._frame, self._desk

    def log_record(self, text: str, level: str, logger: str, at: float) -> None:
        """For the capture of `logging`: one record, made `at` so many seconds since 1970."""
        self._notes.log(text, level, logger, at)

    def end(self) -> None:
        """For the child's loop: the run has ended; what is left to tell is told now."""
        self._desk = NOBODY
        if self._notebook is not None:
            self._notebook.close()


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
