"""What may meet on a job's row: the situations, what is done in them, and who waits for whom.

Rules: a situation is a model that holds one job; the rows of the tables are written from it. An
action is one of the Store's statements, and the same done to a model. MEETINGS is the one table of
what is expected, by situation; a line for who comes first, a column for who comes second:

    waits     until the first has ended, and then does what is right after it
    skips     the row, and finds nothing, whatever becomes of the first
    passes    by: at most one of the two changes anything
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from actors.store.postgres import rows
from actors.store.protocol import Demand, Retention
from runtime import sql
from runtime.job import NewJob
from runtime.job_entry import as_json
from runtime.lifecycle import Ack, JobState
from runtime.outcome import Failure
from tests.store.machine.model import Model
from tests.store.machine.rows import JobRow, job_id_of

JOB = job_id_of(7)
# A node that lives and runs the job, one that lives and claims, and one whose lease is over.
ALIVE, CLAIMER, LOST = "alive", "claimer", "lost"
NODE_IDS = {ALIVE: 1, CLAIMER: 2, LOST: 3}

_DAY = 86_400.0
_DONE = Ack(JOB, 1, JobState.COMPLETED, output="7")
_FAILED = Ack(JOB, 1, JobState.RETRYABLE, delay_seconds=60.0, failure=Failure("Oops", "oops"))
_SAME = NewJob(id=JOB, kind="k", queue="q", args='{"again":1}')
_DEMAND = [Demand("q", ("k",), 5)]
_RETENTION = Retention(_DAY, _DAY, _DAY)
_FINAL = ["completed", "cancelled", "discarded"]


@attrs.frozen
class Action:
    """A statement with its parameters, how many rows its answer says, and the same in a model."""

    statement: str
    values: tuple[Any, ...]
    count: Callable[[list[dict[str, Any]]], int]
    model: Callable[[Model], int]


def _maintain(statement: str, *values: Any) -> tuple[Any, ...]:
    """With no term, if it asks for one: whoever asks is entitled."""
    takes = max(int(number) for number in re.findall(r"\$([0-9]+)", sql.load(statement)))
    return (*values, *[None] * (takes - len(values)))


def _first(column: str) -> Callable[[list[dict[str, Any]]], int]:
    return lambda found: int(found[0][column])


def _cancelled(model: Model) -> int:
    open_before = JOB in model.jobs and not model.jobs[JOB].state.final
    model.cancel(JOB)
    return open_before


def _retried(model: Model) -> int:
    job = model.retry(JOB)
    return job is not None and job.state is not JobState.RUNNING


ACTIONS = {
    "claim": Action(
        "claim",
        (NODE_IDS[CLAIMER], *rows.demand_columns(_DEMAND)),
        len,
        lambda model: len(model.claim(CLAIMER, _DEMAND)),
    ),
    "complete": Action(
        "ack_completed",
        ([JOB], [1], ["7"], [None], [None], [None]),
        _first("written"),
        lambda model: model.ack([_DONE]).written,
    ),
    "fail": Action(
        "ack",
        tuple(rows.ack_columns([_FAILED])),
        _first("written"),
        lambda model: model.ack([_FAILED]).written,
    ),
    "release": Action(
        "release", ([JOB], [1]), _first("released"), lambda model: model.release([(JOB, 1)])
    ),
    "rescue": Action(
        "rescue",
        (100, None),
        _first("jobs"),
        lambda model: model.rescue(100, [job.id for job in model.lost()]).jobs,
    ),
    "stage": Action(
        "stage",
        (100, None),
        _first("jobs"),
        lambda model: model.stage(100, [job.id for job in model.due()]).jobs,
    ),
    "prune": Action(
        "prune",
        (_FINAL, [_DAY] * 3, 100, None),
        _first("jobs"),
        lambda model: model.prune(_RETENTION, 100, [job.id for job in model.old(_RETENTION)]),
    ),
    "cancel": Action(
        "cancel",
        (JOB, None, False),
        lambda found: int(found[0]["changed"] + found[0]["asked"]),
        _cancelled,
    ),
    "retry": Action("retry", (JOB,), len, _retried),
    "delete": Action("delete", (JOB,), len, lambda model: model.delete(JOB) is True),
    "enqueue": Action(
        "enqueue",
        (as_json([_SAME]), 1_000),
        _first("inserted"),
        lambda model: model.enqueue([_SAME])[0],
    ),
}


def _situation(state: JobState | None, **more: Any) -> Model:
    """Two nodes that live, one whose lease is over, and a job, if a state is given."""
    model = Model()
    for name, ends_at in ((ALIVE, 1000.0), (CLAIMER, 1000.0), (LOST, -10.0)):
        model.members.join(NODE_IDS[name], name, ends_at)
    if state is not None:
        given = {"created_at": -3 * _DAY, "scheduled_at": -60.0, **more}
        model.jobs[JOB] = JobRow(JOB, "k", "q", 1, 3, (), state, **given)
    return model


def _running(node: str, **more: Any) -> Model:
    given = {"attempt": 1, "run_number": 1, "attempted_at": -30.0, **more}
    return _situation(JobState.RUNNING, node=node, **given)


SITUATIONS = {
    "available": _situation(JobState.AVAILABLE),
    "running": _running(ALIVE),
    "lost": _running(LOST),
    "lost, and to be cancelled": _running(LOST, cancel_requested_at=-20.0),
    "due": _situation(JobState.RETRYABLE, attempt=1, run_number=1, attempted_at=-90.0),
    "old": _situation(
        JobState.COMPLETED,
        attempt=1,
        run_number=1,
        attempted_at=-2 * _DAY,
        finalized_at=-2 * _DAY,
        output=5,
    ),
    "absent": _situation(None),
}

MEETINGS = {
    "available": """
        first     claim   cancel  retry   delete  enqueue
        claim     skips   waits   waits   waits   waits
        cancel    skips   waits   waits   waits   waits
        retry     skips   waits   waits   waits   waits
        delete    skips   waits   waits   waits   waits
        enqueue   passes  passes  passes  passes  passes
    """,
    "running": """
        first     complete fail    release cancel  retry   delete  enqueue
        complete  waits    waits   waits   waits   passes  passes  waits
        fail      waits    waits   waits   waits   passes  passes  waits
        release   waits    waits   waits   waits   passes  passes  waits
        cancel    waits    waits   waits   waits   passes  passes  waits
        retry     passes   passes  passes  passes  passes  passes  passes
        delete    passes   passes  passes  passes  passes  passes  passes
        enqueue   passes   passes  passes  passes  passes  passes  passes
    """,
    "lost": """
        first     rescue  complete fail    release cancel  retry   delete  enqueue
        rescue    skips   waits    waits   waits   waits   passes  passes  waits
        complete  skips   waits    waits   waits   waits   passes  passes  waits
        fail      skips   waits    waits   waits   waits   passes  passes  waits
        release   skips   waits    waits   waits   waits   passes  passes  waits
        cancel    skips   waits    waits   waits   waits   passes  passes  waits
    """,
    "lost, and to be cancelled": """
        first     rescue  complete fail    release cancel
        rescue    skips   waits    waits   waits   waits
        complete  skips   waits    waits   waits   waits
        fail      skips   waits    waits   waits   waits
        release   skips   waits    waits   waits   waits
        cancel    skips   waits    waits   waits   waits
    """,
    "due": """
        first     stage   claim   cancel  retry   delete  enqueue
        stage     skips   passes  waits   waits   waits   waits
        claim     passes  passes  passes  passes  passes  passes
        cancel    skips   passes  waits   waits   waits   waits
        retry     skips   passes  waits   waits   waits   waits
        delete    skips   passes  waits   waits   waits   waits
        enqueue   passes  passes  passes  passes  passes  passes
    """,
    "old": """
        first     prune   cancel  retry   delete  enqueue
        prune     skips   passes  waits   waits   waits
        cancel    passes  passes  passes  passes  passes
        retry     skips   passes  waits   waits   waits
        delete    skips   passes  waits   waits   waits
        enqueue   passes  passes  passes  passes  passes
    """,
    "absent": """
        first     claim   cancel  retry   delete  enqueue
        claim     passes  passes  passes  passes  passes
        cancel    passes  passes  passes  passes  passes
        retry     passes  passes  passes  passes  passes
        delete    passes  passes  passes  passes  passes
        enqueue   passes  passes  passes  passes  waits
    """,
}


@attrs.frozen
class Meeting:
    """Two actions on the job of a situation, one after the other, and how the second fares."""

    situation: str
    first: str
    second: str
    how: str

    def __str__(self) -> str:
        return f"{self.situation}: {self.second} {self.how} {self.first}"


def meetings(situation: str) -> Iterator[Meeting]:
    """The table's cells."""
    head, *lines = (line.split() for line in MEETINGS[situation].strip().splitlines())
    for first, *cells in lines:
        for second, how in zip(head[1:], cells, strict=True):
            yield Meeting(situation, first, second, how)
