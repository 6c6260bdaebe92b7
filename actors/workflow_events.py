"""Events of workflows: what was recorded of them, and who was woken. Part of `actors.events`."""

from __future__ import annotations

import attrs


@attrs.frozen
class Recorded:
    """Steps of workflows were written; `seconds` is what that took."""

    batch: int  # asks that the call was given
    steps: int
    refused: int  # of the asks
    seconds: float


@attrs.frozen
class Woken:
    """Workflows that waited can go on: they are available again."""

    jobs: int


@attrs.frozen
class WakeRefused:
    """We were told of an event that the database knows no such name of."""

    event: str
    problem: str
