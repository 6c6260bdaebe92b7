"""The default observer: events become log lines."""

import logging

import pytest

from actors.kit import (
    ChildCrashed,
    ChildCutOff,
    ChildRestarting,
    ChildStarted,
    ChildStopped,
    ChildStuck,
    Escalated,
    Event,
    log,
)


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (ChildStarted("n/a"), logging.DEBUG, "n/a started"),
        (ChildStopped("n/a"), logging.DEBUG, "n/a stopped"),
        (ChildCrashed("n/a", OSError(), 2), logging.ERROR, "n/a crashed (restarts so far: 2)"),
        (ChildRestarting("n/a", 0.25), logging.WARNING, "n/a restarts in 0.25 s"),
        (
            ChildCutOff("n/a", 5.0),
            logging.WARNING,
            "n/a did not stop in 5 s and was cancelled",
        ),
        (
            ChildStuck("n/a", 10.0),
            logging.ERROR,
            "n/a ignores its cancellation since 10 s; still waiting",
        ),
        (
            Escalated("n", OSError("x")),
            logging.CRITICAL,
            "n gives up and stops its children: OSError('x')",
        ),
    ],
)
def test_each_event_is_one_line_of_its_level(
    caplog: pytest.LogCaptureFixture, event: Event, level: int, text: str
) -> None:
    caplog.set_level(logging.DEBUG)

    log(event)

    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(level, text)]
