"""A finding of `check`: what was looked at, how it stands, and what to do about it."""

from __future__ import annotations

from enum import Enum

import attrs


class Level(Enum):
    """How a finding is to be taken."""

    OK = "ok"
    ADVICE = "advice"  # works, but may be better
    PROBLEM = "problem"  # does not work, or soon will not


@attrs.frozen
class Finding:
    """One line of `check`. `advice` says what to do, where there is something to do."""

    subject: str
    level: Level
    text: str
    advice: str = ""


def ok(subject: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(subject, Level.OK, text)


def advise(subject: str, text: str, advice: str) -> Finding:
    """It works, but may be better."""
    return Finding(subject, Level.ADVICE, text, advice)


def problem(subject: str, text: str, advice: str) -> Finding:
    """It does not work, or soon will not."""
    return Finding(subject, Level.PROBLEM, text, advice)
