"""Log lines: text for people, JSON for collectors."""

from __future__ import annotations

import json
import logging
import sys
import uuid

import pytest

from actors import events
from runtime.cli.logs import JsonLines, TextLines


def record(message: str, event: object = None, name: str = "headrace") -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, __file__, 1, message, (), None)
    made.__dict__["event"] = event
    return made


def test_a_text_line_has_time_level_and_message() -> None:
    line = TextLines().format(record("draining"))
    assert line.endswith(" warning draining")
    assert (
        TextLines().format(record("draining", name="actors.kit")).endswith("actors.kit: draining")
    )


def test_a_json_line_has_the_events_fields() -> None:
    event = events.ChildDied(0, 7, "signal", None, "SIGSEGV", uuid.UUID(int=1))
    line = json.loads(JsonLines().format(record("it died", event)))
    assert line["message"] == "it died"
    assert line["level"] == "warning"
    assert line["event"] == "ChildDied"
    assert line["signal"] == "SIGSEGV"
    assert line["job_id"] == str(uuid.UUID(int=1))
    assert line["time"].endswith("+00:00")


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_a_traceback_follows(formatter: logging.Formatter) -> None:
    try:
        raise KeyError("missing")
    except KeyError:
        failed = record("it failed")
        failed.exc_info = sys.exc_info()
    assert "KeyError: 'missing'" in formatter.format(failed)
