"""Captures what handlers log by the stdlib's `logging`: a line of their job's log for each record.

Rules: no handler is added to any logger, since `logging.basicConfig` would then do nothing, and
what is logged goes wherever it went before. Instead each record is seen when it is made, so what
the levels hold back is not captured. Where the app has left `logging` as Python does, INFO and
above is let through; what is printed stays the same, for Python's last resort prints warnings only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from runtime.child.context import current

_formatter = logging.Formatter()


def capture_logging() -> None:
    """From now on, in this process."""
    root = logging.getLogger()
    if not root.handlers and root.level == logging.WARNING:
        root.setLevel(logging.INFO)
    logging.setLogRecordFactory(_capturing(logging.getLogRecordFactory()))


def _capturing(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        job = current.get(None)
        if job is not None:
            job.log_record(_text_of(record), record.levelname, record.name, record.created)
        return record

    return made


def _text_of(record: logging.LogRecord) -> str:
    """Its message and traceback. A record that cannot be formatted fails where it is printed."""
    try:
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{_formatter.formatException(record.exc_info)}"
    except Exception as error:
        return f"(a record that cannot be formatted: {type(error).__name__})"
    return text
