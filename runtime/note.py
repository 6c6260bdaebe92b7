"""What a run tells of itself while it goes on: progress, a message, a stored value, lines of log.

Beside it, the reason that people give for a cancellation, which the run is told.

Rules: pure data and its bounds. A note says what is new since the one before it; two notes of one
run merge into one that says the same. A run keeps its last lines only, bounded by number and bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from runtime.payload import cut

# A run's last lines: what a person reads, little against a row.
MOST_LINES = 200
MOST_LOG_BYTES = 64 * 1024
# One line, with its traceback if it has one.
LONGEST_LINE_BYTES = 8 * 1024
LONGEST_MESSAGE_BYTES = 1024
# Names of loggers are names of modules; levels may be named by anybody.
LONGEST_NAME_BYTES = 128
# A child tells of one run at most this often, in seconds; what comes between is told together.
PAUSE_SECONDS = 0.1


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One record of a run's log. `at` is of the clock of the machine that it ran on."""

    at: datetime
    level: str  # such as "INFO"
    logger: str
    text: str


class Note(msgspec.Struct, frozen=True, gc=False):
    """What is new of a run; None or empty: nothing of that sort.

    Attributes: progress, from 0 to 1; stored, JSON text; last_line, the number of the last of
    `lines`, which are numbered from 1 in each run; kept_from, the first line that still counts.
    """

    progress: float | None = None
    message: str | None = None
    stored: str | None = None
    lines: tuple[LogLine, ...] = ()
    last_line: int = 0
    kept_from: int = 1

    def then(self, newer: Note) -> Note:
        """Both in one."""
        merged = [*numbered(self), *numbered(newer)]
        kept = tuple(line for number, line in merged if number >= newer.kept_from)
        return Note(
            progress=self.progress if newer.progress is None else newer.progress,
            message=self.message if newer.message is None else newer.message,
            stored=self.stored if newer.stored is None else newer.stored,
            lines=kept,
            last_line=max(self.last_line, newer.last_line),
            kept_from=max(self.kept_from, newer.kept_from),
        )

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        texts = (self.message or "", self.stored or "", *(line.text for line in self.lines))
        return sum(map(len, texts))


def numbered(note: Note) -> Iterable[tuple[int, LogLine]]:
    """The lines with their numbers."""
    first = note.last_line - len(note.lines) + 1
    return enumerate(note.lines, first)


def cancel_reason(given: str | None) -> str | None:
    """As it is kept: storable, and cut."""
    return cut(given, LONGEST_MESSAGE_BYTES) if given else None
