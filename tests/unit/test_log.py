"""The log observer: a line for what people want to read, at the level of its urgency."""

from __future__ import annotations

import logging
import uuid

import pytest

from actors import events
from actors.log import log

JOB = uuid.UUID(int=1)


@pytest.mark.parametrize(
    ("event", "level", "part"),
    [
        (events.LeaseLost(3, "silence"), "ERROR", "node 3 lost its lease: silence"),
        (events.ForkServerDied(7, "signal"), "ERROR", "fork server (pid 7) died"),
        (events.Acked(1, 0, 0.1, ((JOB, 4),)), "WARNING", f"{JOB} run 4"),
        (events.Acked(2, 2, 0.1), "DEBUG", "acked 2 outcomes"),
        (events.ChildDied(0, 7, "signal", None, "SIGSEGV", JOB), "WARNING", "SIGSEGV while it ran"),
        (events.ChildDied(0, 7, "exit", 3), "WARNING", "exit status 3"),
        (events.ChildDied(0, 7, "closed"), "WARNING", "died: closed"),
        (events.Claimed({"q": 2}, 1, 5, 0.1), "DEBUG", "claimed 2 jobs for 5 places"),
        (
            events.RunsEnded([events.RunEnded("k", "q", "failed", 1, 0, JOB, "ValueError: no")]),
            "WARNING",
            "after 1 s: ValueError: no",
        ),
        (
            events.RunsEnded([events.RunEnded("k", "q", "completed", 1.0, 0.0, JOB)]),
            "DEBUG",
            "completed after 1 s",
        ),
        (events.DrainEnded(1.0, 2), "WARNING", "2 jobs given back"),
        (events.DrainEnded(1.0, 0), "INFO", "drained in 1 s"),
        (events.ListenerLost(), "WARNING", "no longer listening"),
        (events.ListenerBack(), "INFO", "listening"),
        (events.Rescued(("n1",), 2, 1), "WARNING", "rescued 2 jobs of ('n1',); 1 had no"),
    ],
)
def test_an_event_is_one_line(
    caplog: pytest.LogCaptureFixture, event: events.Event, level: str, part: str
) -> None:
    with caplog.at_level(logging.DEBUG, "headrace"):
        log(event)
    (record,) = caplog.records
    assert record.levelname == level
    assert part in record.getMessage()
    part_of = event.runs[0] if isinstance(event, events.RunsEnded) else event
    assert record.__dict__["event"] is part_of


@pytest.mark.parametrize(
    "event", [events.Staged(0), events.Pruned(0), events.Wakeup("q"), events.LeaseRenewed(0.1)]
)
def test_what_happens_all_the_time_is_no_line(
    caplog: pytest.LogCaptureFixture, event: events.Event
) -> None:
    with caplog.at_level(logging.DEBUG, "headrace"):
        log(event)
    assert not caplog.records
