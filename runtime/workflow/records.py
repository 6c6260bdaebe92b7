"""What a workflow's run asks of its node, and what it is answered: pure data that crosses the wire.

    child ── Asked(Record | Spawn | Recall | Collect) ──▶ Worker ──▶ Recorder ──▶ Store
    child ◀── Answered(Recorded | Refused | History | Collected) ── Worker ◀──────────┘

Rules: a step has a place that no other step of its job has; a place is recorded as done once. An
open record (not done) may be overwritten by one of the same place. To repeat an ask changes
nothing: its answer may have been lost.
"""

from __future__ import annotations

import msgspec

from runtime.job import NewJob

# Of an error's message that is kept with a step: what a person reads.
LONGEST_ERROR_BYTES = 4 * 1024


class StepError(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why a step has failed for good; or, of an open one, why it is tried again."""

    error_class: str
    message: str


class StepRecord(msgspec.Struct, frozen=True, array_like=True):
    """One row of the table `step`, to be written.

    Attributes: place, such as "3" or "3.1.2"; op, one of step, sleep, signal, event, run, map,
    publish, transaction, now, random, uuid, start, continue; name, which people read, and which
    must be the same at replay; done, or open: it waits; output, JSON text; error; attempts, that it
    took so far; seconds, that it took; until_seconds, from the database's now, or until, seconds
    since 1970: when an open one can go on (for a wait: when it gives up); signal, the id of the
    signal that it takes, which is marked so in the same statement; publish, name and output go to
    `published` too; mode, of run and map: "first", it can go on at the first failure, or "all"; of
    a graph, which is recorded as a map: "finish" or "stop"; max_in_flight, of map.
    """

    place: str
    op: str
    name: str
    done: bool = True
    output: str | None = None
    error: StepError | None = None
    attempts: int = 1
    seconds: float | None = None
    until_seconds: float | None = None
    until: float | None = None
    signal: bytes | None = None
    publish: bool = False
    mode: str = ""
    max_in_flight: int | None = None


class Record(msgspec.Struct, frozen=True, array_like=True, tag="record"):
    """Write these, all or none. Answered by Recorded or Refused."""

    steps: tuple[StepRecord, ...]


class Recall(msgspec.Struct, frozen=True, array_like=True, tag="recall"):
    """Tell what is recorded, in the order of recording, a page at a time. Answered by History.

    Attributes: after, the place that the page before ended with; None: from the first on.
    """

    after: str | None = None


class Dependency(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Jobs of a graph that wait for the same.

    Attributes: needed, ids of the jobs that must have ended; strict, how many of these, the first,
    must have ended well, or those that wait are skipped; waiting, their ids.
    """

    needed: tuple[bytes, ...]
    strict: int
    waiting: tuple[bytes, ...]


class Spawn(msgspec.Struct, frozen=True, array_like=True, tag="spawn"):
    """Insert child jobs, and record the step that waits for them. Answered by Recorded or Refused.

    A job whose id is there already is left as it is. Very many jobs come in several asks: those
    with `more` insert jobs only, and the last one writes the step.

    Attributes: first, the number in the whole map of jobs[0], from 0: jobs from the step's
    max_in_flight on are inserted as pending; detached: the jobs get no parent; after, of a graph:
    what its jobs wait for, told with the step. None waits for jobs that a later one lets begin.
    """

    step: StepRecord
    jobs: tuple[NewJob, ...]
    detached: bool = False
    first: int = 0
    more: bool = False
    after: tuple[Dependency, ...] = ()


class Collect(msgspec.Struct, frozen=True, array_like=True, tag="collect"):
    """Tell how these child jobs have ended. Answered by Collected."""

    place: str
    ids: tuple[bytes, ...]


Ask = Record | Recall | Spawn | Collect


class Recorded(msgspec.Struct, frozen=True, array_like=True, tag="recorded", gc=False):
    """It is committed. `now`: seconds since 1970 by the database's clock; 0: not told."""

    now: float = 0.0


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused", gc=False):
    """Nothing of it was written.

    Attributes: kind: "lost", the run is not the job's current one any more; "too_large", message
    names field, size and limit; "invalid", it can never be written; "later", not now: the namespace
    is disabled, and takes no children.
    """

    kind: str
    message: str


class Recalled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One recorded step.

    Attributes: as of StepRecord; until, in seconds since 1970; over: an open step can go on: its
    `until` has come, its event was emitted, its children have ended (with mode "first": or one of
    them has failed); value, of an open event that was emitted, JSON text.
    """

    place: str
    op: str
    name: str
    done: bool = True
    output: str | None = None
    error: StepError | None = None
    attempts: int = 1
    until: float | None = None
    over: bool = False
    value: str | None = None


class SignalRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A signal that no step has taken. `value` is JSON text."""

    id: bytes
    name: str
    value: str


class History(msgspec.Struct, frozen=True, array_like=True, tag="history"):
    """A page of what is recorded.

    Attributes: signals, untaken ones in the order of sending, with the last page only; more, there
    is another page; now, seconds since 1970 by the database's clock; cancelled, the job's
    cancellation was requested, for `reason`; expired, its deadline has come.
    """

    steps: tuple[Recalled, ...]
    signals: tuple[SignalRow, ...] = ()
    more: bool = False
    now: float = 0.0
    cancelled: bool = False
    reason: str | None = None
    expired: bool = False


class ChildResult(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a child job has ended, or where it is. state "missing": there is no such row.

    message: of its last failure, or why it was cancelled.
    """

    state: str
    output: str | None = None
    error_class: str = ""
    message: str = ""
    kind: str = ""


class Collected(msgspec.Struct, frozen=True, array_like=True, tag="collected"):
    """In the order of the ids asked for. It may end early (at least one): then ask for the rest."""

    results: tuple[ChildResult, ...]


Answer = Recorded | Refused | History | Collected
