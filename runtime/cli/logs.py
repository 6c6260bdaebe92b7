"""Logging of a node: the logger `headrace` and its kin, on stderr, as text or JSON lines.

Rules: only the command line configures logging; an embedding program has its own. What a line is
made of may hold anything: further lines of one record are indented, so that none passes for one
of its own, and what would move a terminal's cursor is escaped.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import attrs
import msgspec

from runtime.cli.exits import expected
from runtime.cli.output import printable

# Ours: events are logged to `headrace`, the rest to the modules' own names.
LOGGERS = ("headrace", "actors", "runtime")
_INDENT = "\n    "  # before what goes on with a record


def configure(level: str, style: str) -> None:
    """Log from `level` on ("debug" ... "error"), as "text" or "json"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False
    # Other libraries' warnings are worth reading too, in the same form.
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


class TextLines(logging.Formatter):
    """`time level message`, for people. The time is local, with milliseconds."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        source = "" if record.name == "headrace" else f"{record.name}: "
        line = f"{time} {record.levelname.lower():7} {source}{record.getMessage()}"
        lines = (line + _trace(self, record)).split("\n")
        return _INDENT.join(printable(each) for each in lines)


class JsonLines(logging.Formatter):
    """One JSON object a line, for collectors; an event's fields are among it."""

    def format(self, record: logging.LogRecord) -> str:
        content: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event = record.__dict__.get("event")
        if event is not None:
            content["event"] = type(event).__name__
            content |= attrs.asdict(event, recurse=False)
        trace = _trace(self, record)
        if trace:
            content["trace"] = trace.strip(": \n")
        return msgspec.json.encode(content, enc_hook=str).decode()


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback of the error that is logged; of one that was to be expected, its first line."""
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    known = expected(record.exc_info[1])
    if known is not None:
        return ": " + known[1].partition("\n")[0]
    return "\n" + formatter.formatException(record.exc_info)
