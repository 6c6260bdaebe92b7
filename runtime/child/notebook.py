"""What a run tells of itself: kept here, told to the Worker now and then, and at the end.

    handler, its helper threads, logging ─▶ Notebook ── Noted frames, coalesced ──▶ Worker

Rules: the first note goes at once; what follows within PAUSE_SECONDS goes together at its end, and
the rest before Done. Any thread of the handler may write; none may after the run has ended. A copy
of the process says nothing. An interruption never breaks off a note: it is raised after it.
"""

from __future__ import annotations

import collections
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from runtime import wire
from runtime.child.handler import Handler
from runtime.errors import PayloadTooLarge, UsageError
from runtime.note import (
    LONGEST_LINE_BYTES,
    LONGEST_MESSAGE_BYTES,
    LONGEST_NAME_BYTES,
    MOST_LINES,
    MOST_LOG_BYTES,
    PAUSE_SECONDS,
    LogLine,
    Note,
)
from runtime.payload import DEFAULT_LIMITS, byte_size, cut

T = TypeVar("T")

# Of a line that is too long, this share is kept from its end, where an error's message stands.
_LINE_TAIL = 0.5
# A fraction that was summed up may miss its end by so much.
_ROUNDING = 1e-6


class Desk(Protocol):
    """What a child's loop does for the job that a handler runs for."""

    @property
    def stored_limit(self) -> int:
        """The largest stored value, in bytes of JSON."""

    def stop_reason(self, seq: int) -> str | None:
        """Why run `seq` was told to stop; None if it was not. From any thread."""

    def handler(self, kind: str) -> Handler | None:
        """The handler of a kind."""

    def post(self, frame: wire.Noted | wire.Completing | wire.Asked) -> None:
        """Send a frame, from any thread. Nothing happens where the Worker is gone."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call this in a while, in some thread."""

    def undisturbed(self, action: Callable[[], T], /) -> T:
        """Do something that an interruption must not break off; it is raised afterwards."""

    # --- for workflows; see runtime.workflow ------------------------------------------------------

    def ask(self, frame: wire.Asked) -> Any:
        """Send it, from any thread. Returns a ticket: `runtime.child.answers.Slot`, or a future."""

    def attend(self, event: threading.Event) -> None:
        """Wait for an event, in any thread of a plain handler. Raises: what interrupts the run."""

    def nudge(self) -> None:
        """Have the main thread look again whether what it attends to has come."""

    def paused(self, seq: int, /) -> bool:
        """Whether run `seq` is to end at its next operation, for its job is held back."""

    def limited(self, seconds: float, action: Callable[[], T], /) -> T:
        """Call it, and raise StepTimeout in it if it takes longer. Raises: UsageError."""


class NoWorkflows:
    """What a desk says of workflows that has no node to ask."""

    def ask(self, frame: wire.Asked) -> Any:
        raise UsageError("a workflow's operations need a node; here is none")

    def stop_reason(self, seq: int) -> str | None:
        return None

    def paused(self, seq: int) -> bool:
        return False

    def attend(self, event: threading.Event) -> None:
        event.wait()

    def nudge(self) -> None:
        """Who attends is told by the event itself."""

    def limited(self, seconds: float, action: Callable[[], T], /) -> T:
        return action()


class _Nobody(NoWorkflows):
    """The desk of a run that has no child: what it tells, nobody hears."""

    stored_limit = DEFAULT_LIMITS.output_bytes

    def handler(self, kind: str) -> Handler | None:
        return None

    def post(self, frame: wire.Noted | wire.Completing | wire.Asked) -> None:
        """Nobody hears."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """What is left is told at the end, to nobody."""

    def undisturbed(self, action: Callable[[], T], /) -> T:
        return action()


NOBODY = _Nobody()


class Notebook:
    """What one run tells. Its methods may be called from any thread."""

    def __init__(self, seq: int, desk: Desk) -> None:
        self._seq = seq
        self._desk = desk
        self._pid = os.getpid()
        # The garbage collector may run within, and what it finalizes may log.
        self._lock = threading.RLock()
        self._closed = False
        self._due = False  # it will be told without our doing
        self._next_at = 0.0  # by time.monotonic()
        self._news = Note()
        self._ring: collections.deque[LogLine] = collections.deque()
        self._ring_bytes = 0
        self._last_line = 0
        self._told_line = 0

    def progress(self, fraction: float, message: str | None) -> None:
        """See JobContext.progress."""
        done = _checked(fraction)
        text = None if message is None else cut(str(message), LONGEST_MESSAGE_BYTES)
        self._write(lambda: self._add(Note(progress=done, message=text)))

    def store(self, text: str) -> None:
        """See JobContext.store. `text`: the JSON, sealed. Raises: PayloadTooLarge."""
        size, limit = byte_size(text), self._desk.stored_limit
        if size > limit:
            raise PayloadTooLarge("stored", size, limit)
        self._write(lambda: self._add(Note(stored=text)))

    def log(self, text: str, level: str, logger: str, at: float) -> None:
        """One more line. `at` is in seconds since 1970."""
        line = LogLine(
            datetime.fromtimestamp(at, UTC),
            cut(level, LONGEST_NAME_BYTES),
            cut(logger, LONGEST_NAME_BYTES),
            cut(text, LONGEST_LINE_BYTES, tail_share=_LINE_TAIL),
        )
        self._write(lambda: self._append(line))

    def close(self) -> None:
        """The run has ended: tell the rest, and nothing after that."""
        if os.getpid() == self._pid:
            with self._lock:
                self._closed = True
                self._tell()

    def _write(self, change: Callable[[], None]) -> None:
        if os.getpid() == self._pid:
            self._desk.undisturbed(lambda: self._written(change))

    def _written(self, change: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                return
            change()
            self._tell_now_or_later()

    def _tell_now_or_later(self) -> None:
        wait = self._next_at - time.monotonic()
        if wait <= 0:
            self._tell()
        elif not self._due:
            self._due = True
            self._desk.later(wait, self._tell_due)

    def _tell_due(self) -> None:
        """Unless it was told just now, for whoever should have come by had come late."""
        with self._lock:
            self._due = False
            if not self._closed:
                self._tell_now_or_later()

    def _add(self, news: Note) -> None:
        self._news = self._news.then(news)

    def _append(self, line: LogLine) -> None:
        self._ring.append(line)
        self._ring_bytes += byte_size(line.text)
        self._last_line += 1
        while len(self._ring) > MOST_LINES or self._ring_bytes > MOST_LOG_BYTES:
            self._ring_bytes -= byte_size(self._ring.popleft().text)

    def _tell(self) -> None:
        new = min(self._last_line - self._told_line, len(self._ring))
        news = self._news
        if not new and news == Note():
            return
        note = Note(
            news.progress,
            news.message,
            news.stored,
            tuple(self._ring)[len(self._ring) - new :],
            self._last_line,
            self._last_line - len(self._ring) + 1,
        )
        self._news, self._told_line = Note(), self._last_line
        self._next_at = time.monotonic() + PAUSE_SECONDS
        self._desk.post(wire.Noted(self._seq, note))


def _checked(fraction: float) -> float:
    """Raises: UsageError."""
    try:
        value = float(fraction)
    except (TypeError, ValueError) as error:
        raise UsageError(f"progress({fraction!r}): give a number from 0 to 1") from error
    if not -_ROUNDING <= value <= 1.0 + _ROUNDING:  # so is NaN
        raise UsageError(f"progress({fraction!r}): give a number from 0 to 1")
    return min(max(value, 0.0), 1.0)
