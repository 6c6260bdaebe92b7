"""What happened in a campaign: who did what to which job, when, and how it ended. Pure data.

Times are in seconds of the machine's monotonic clock, which all of its processes share.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import attrs

Answer = Literal["ok", "unknown"]
# The end of a job whose row may be gone by the time the history is read: it must have completed.
PRUNED = "pruned"
# The kind of a fault by which a process was asked to let its runs end, and to give back the others.
DRAIN = "drain"


@attrs.frozen
class Enqueue:
    """Somebody asked for a job to be written; "unknown": the answer was lost.

    `end`: the state in which it must end, or PRUNED. `at`: when the answer was known.
    """

    job: UUID
    answer: Answer
    end: str = "completed"
    at: float = 0.0


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
class HandBack:
    """A job went back from running to available. `run_number`: of the run that it was given for."""

    job: UUID
    run_number: int
    at: float


@attrs.frozen
class Fault:
    """What we did to whom. `kind`: DRAIN, or another word. `pids`: the processes it was to end.

    `until`: when it was over, if it lasted. `lapses`: whether it lasted so long that nodes may have
    lost their leases, so that they ended these processes and gave back their runs. `undoes`:
    whether it was a crash of the database, which undoes commits that had not reached the disk.
    """

    kind: str
    at: float
    pids: frozenset[int] = frozenset()
    until: float | None = None
    lapses: bool = False
    undoes: bool = False


@attrs.frozen
class Seen:
    """Somebody saw that a job was completed, by this run."""

    job: UUID
    run_number: int


@attrs.frozen
class History:
    """All of a campaign.

    `seen`: completions that somebody saw. `asynchronous_seconds`: where enqueues do not wait for
    the disk, how long before a crash they may be answered and yet undone by it. `miscounted`: where
    the counts of jobs are not those of the rows.
    """

    enqueues: tuple[Enqueue, ...]
    runs: tuple[Run, ...]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]
    seen: tuple[Seen, ...] = ()
    asynchronous_seconds: float = 0.0
    miscounted: tuple[str, ...] = ()
