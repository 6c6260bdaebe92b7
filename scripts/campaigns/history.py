"""What happened in a campaign: who did what to which job, when, and how it ended. Pure data.

Times are in seconds of the machine's monotonic clock, which all of its processes share.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import attrs

Answer = Literal["ok", "unknown"]


@attrs.frozen
class Enqueue:
    """Somebody asked for a job to be written; "unknown": the answer was lost.

    `end`: the state in which it must end.
    """

    job: UUID
    answer: Answer
    end: str = "completed"


@attrs.frozen
class Run:
    """One run, by the lines that its handler left. `ended`: None if it never came to its end."""

    job: UUID
    number: int
    pid: int
    begun: float
    ended: float | None


@attrs.frozen
class Failure:
    """A run that the database says has failed. `at`: when that was written."""

    run_number: int
    attempt: int
    error_class: str
    at: float = 0.0


@attrs.frozen
class Row:
    """A job at the end, as the database has it. `output`: the number of the run that wrote it."""

    job: UUID
    state: str
    run_number: int
    attempt: int
    output: int | None
    failures: tuple[Failure, ...] = ()


@attrs.frozen
class Fault:
    """What we did to whom. `pids`: the processes that it was to end."""

    kind: str
    at: float
    pids: frozenset[int] = frozenset()


@attrs.frozen
class History:
    """All of a campaign."""

    enqueues: tuple[Enqueue, ...]
    runs: tuple[Run, ...]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]
