"""The demo's handlers: the survey of a module, and two that behave as badly as handlers can."""

from __future__ import annotations

import ctypes

from runtime import App, constant
from runtime.errors import Interrupted
from scripts.survey import measure
from scripts.survey.measure import Survey
from scripts.survey.modules import library

STUCK_TIMEOUT_SECONDS = 3.0
CRASH_ATTEMPTS = 2

app = App("survey")


@app.job(kind="survey", timeout=60)
def survey(module: str) -> Survey:
    """Survey a module of the standard library, named by its path there."""
    return measure.survey(library(), module)


@app.job(kind="never_returns", timeout=STUCK_TIMEOUT_SECONDS, max_attempts=1)
def never_returns() -> None:
    """Spin for ever, and take no notice of being told to stop."""
    while True:
        try:
            spin()
        except Interrupted as told:
            print(f"never_returns was told to stop by {told!r}, and goes on")


def spin() -> None:
    """Keep a core busy."""
    turns = 0
    while True:
        turns += 1


@app.job(kind="segfaults", max_attempts=CRASH_ATTEMPTS, backoff=constant(0.5))
def segfaults() -> None:
    """Read memory that is not ours; the kernel ends the process."""
    ctypes.string_at(0)
