"""What is asked for in a simulation: jobs, and what their runs will do, one after the other.

When a job's list of acts is used up, its runs succeed: so each job has an end.
"""

from __future__ import annotations

import random
from uuid import UUID

import attrs

from runtime.backoff import constant
from runtime.job import KindInfo, NewJob

# More than there will be: nobody is given up for them here.
CRASHES = 1000
# Kinds: by how many run at once in a child, and for how long.
KINDS = (
    KindInfo("plain", False, 2.0, constant(0.2, jitter=0.5), CRASHES),
    KindInfo("tiny", False, 2.0, constant(0.05), CRASHES),
    KindInfo("long", False, 12.0, constant(0.2), CRASHES),
    KindInfo("async", True, 6.0, constant(0.1), CRASHES),
    KindInfo("flow", True, 6.0, constant(0.1), CRASHES),
    KindInfo("plain flow", False, 6.0, constant(0.1), CRASHES, workflow=True),
)
QUEUES = ("default", "bulk")
# For how long the acts of a kind may take: some longer than a lease, so that it is lost meanwhile.
SECONDS = {
    "plain": [0.0, 0.02, 0.1, 0.5, 1.0],
    "tiny": [0.0, 0.001, 0.002],
    "long": [2.0, 4.0, 8.0],
    "async": [0.0, 0.02, 0.5, 4.0],
}
FLOWS = ("flow", "plain flow")  # workflows
# What a workflow's operation can be, and how long it takes; of a map or a graph: how many jobs.
OPS: dict[str, list[float]] = {
    "step": [0.0, 0.001, 0.1],
    "sleep": [0.01, 0.5, 3.0],
    "signal": [0.0],
    "map": [1, 2, 5],
    "graph": [2, 5],
}

# What a run can do, and how often it is chosen.
ACTS = {
    "succeed": 40,
    "raise": 12,
    "snooze": 8,
    "hang": 6,
    "hang for good": 3,
    "exit": 5,
    "crash": 5,
    "garble": 2,
    "hush": 2,
    "return too much": 2,
    "discard": 2,
    "cancel": 2,
}
# What can come between in a run of a workflow.
MISHAPS = {"succeed": 10, "raise": 3, "hang": 1, "exit": 2, "crash": 2}
# Acts that are a job's last, and how it then ends.
LAST = {"return too much": "discarded", "discard": "discarded", "cancel": "cancelled"}


@attrs.frozen
class Act:
    """What one run does. `seconds`: for how long it runs, unless something comes between."""

    what: str
    seconds: float


@attrs.frozen
class Op:
    """An operation of a workflow: a word of OPS, and its seconds, or its jobs."""

    what: str
    seconds: float


SUCCEED = Act("succeed", 0.01)


@attrs.define(eq=False)
class Plan:
    """A job, and what its coming runs do."""

    number: int
    job: NewJob
    acts: list[Act]
    ops: tuple[Op, ...] = ()  # of a workflow
    cancel_asked: bool = False
    cancelled_at: float | None = None  # when the database said that it was, before it ran
    held: bool = False  # somebody asked that it be held back
    held_at: float | None = None  # when the database said that it is, and waits
    freed: bool = False  # a request to let it go on was not answered: it may come at any time

    def next_act(self) -> Act:
        """What the run does that begins now."""
        return self.acts.pop(0) if self.acts else SUCCEED

    @property
    def name(self) -> str:
        return f"#{self.number}"


def job_id(number: int) -> UUID:
    """An id like a UUIDv7, that grows with the number."""
    return UUID(int=(1_000_000 + number) << 80 | 0x7 << 76 | 0b10 << 62 | number)


def draw_plan(dice: random.Random, number: int, kind: str, queue: str = "") -> Plan:
    """A job's plan. With a queue given: one that succeeds at once."""
    job = NewJob(
        id=job_id(number),
        kind=kind,
        queue=queue or dice.choice(QUEUES),
        priority=dice.choice([1, 1, 1, 2]),
        max_attempts=dice.choice([1, 2, 3, 100, 100]) if not queue else 100,
        delay_seconds=dice.choice([None, None, None, 0.5, 3.0]) if not queue else None,
    )
    if kind in FLOWS:
        return _draw_flow(dice, number, job, quick=bool(queue))
    acts = [] if queue else [_draw_act(dice, kind) for _ in range(dice.randint(1, 4))]
    return Plan(number, job, acts)


def _draw_flow(dice: random.Random, number: int, job: NewJob, *, quick: bool) -> Plan:
    if quick:
        return Plan(number, job, [], (Op("step", 0.0), Op("sleep", 0.01), Op("step", 0.0)))
    mishaps = dice.choices(list(MISHAPS), list(MISHAPS.values()), k=dice.randint(1, 5))
    words = dice.choices(list(OPS), [4, 1, 1, 1, 1], k=dice.randint(1, 7))
    ops = tuple(Op(word, dice.choice(OPS[word])) for word in words)
    return Plan(number, job, [Act(what, 0.0) for what in mishaps], ops)


def _draw_act(dice: random.Random, kind: str) -> Act:
    (what,) = dice.choices(list(ACTS), list(ACTS.values()))
    return Act(what, dice.choice(SECONDS[kind]))
