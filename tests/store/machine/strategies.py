"""What may be asked of a Store: small worlds, so that ids, queues and runs meet often."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from actors.store.protocol import Demand, Retention
from runtime.job import NewJob
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState
from runtime.outcome import (
    Cancelled,
    Completed,
    Discarded,
    Failed,
    Failure,
    GivenBack,
    Outcome,
    Snoozed,
)
from tests.store.machine.rows import job_id_of

QUEUES = ("one", "two")
KINDS = ("a", "b")
WAITS = "waits"  # an ending that no outcome has yet: the job becomes pending

# Whole seconds, so that every Store's arithmetic is exact; some fall due together.
_DELAYS = st.sampled_from([0.0, 1.0, 5.0, 40.0])
_FAILURE = Failure("ValueError", "oops")

FIRST_JOBS = [
    NewJob(id=job_id_of(number), kind=kind, queue=queue, priority=priority, max_attempts=2)
    for number, kind, queue, priority in [
        (1, "a", "one", 2),
        (2, "b", "one", 1),
        (3, "a", "two", 1),
        (4, "b", "two", 1),
    ]
]

job_ids = st.integers(1, 16).map(job_id_of)
# Which node, counted from the newest; which run, of those that run, or else of all.
nodes = st.sampled_from([0, 0, 0, 1, 1, 1, 2, 3])
picks = st.integers(0, 9)
# How much older than the current one a run is: mostly it is the current one.
ages = st.sampled_from([0, 0, 0, 0, 1, -1])
limits = st.sampled_from([1, 2, 1000])
leases = st.sampled_from([30.0, 100.0, 5000.0, 5000.0, 200_000.0])
terms = st.sampled_from([10.0, 60.0])
# In which term who maintains asks: the current one or the one before, or as one who needs none.
asked_in = st.sampled_from([None, None, 0, 1])
pauses = st.sampled_from([*QUEUES, "*"])
passing = st.sampled_from([4.0, 29.0, 30.0, 99.0, 99.0, 4000.0, 4000.0, 90_000.0])


# Due now by default, by a delay, or at a date that is counted from now.
_WHEN = [(None, None)] * 4 + [(0.0, None), (5.0, None), (40.0, None), (None, -100.0), (None, 20.0)]
_SOME_QUEUES: list[tuple[str, ...]] = [QUEUES, QUEUES, QUEUES[:1], QUEUES[1:]]
_SOME_KINDS: list[list[tuple[str, ...]]] = [[KINDS], [KINDS], [("a",)], [("b",), ("a",)]]
_dice = random.Random(1)
# Of two keys, in each way to hold one: until it is pruned, until it ends, until its first run.
_UNIQUE: list[dict[str, Any]] = [{}] * 16 + [
    {"unique_key": key * 32, "unique_states": states, "on_conflict": on_conflict}
    for key in (b"1", b"2")
    for states in ("11111001", "11111000", "11100000")
    for on_conflict in ("keep", "replace")
]


def _some_job() -> tuple[float | None, NewJob]:
    """A job without an id of its own, and when it is due if that is to be given as a date."""
    delay, due = _dice.choice(_WHEN)
    return due, NewJob(
        id=job_id_of(0),
        kind=_dice.choice(KINDS),
        queue=_dice.choice(QUEUES),
        priority=_dice.randint(1, 3),
        max_attempts=_dice.randint(1, 3),
        tags=_dice.choice([(), (), ("t",)]),
        delay_seconds=delay,
        expires_seconds=_dice.choice([None, None, None, 30.0, 4000.0]),
        **_dice.choice(_UNIQUE),
    )


def _some_demand() -> list[Demand]:
    """Groups that share no kind of a queue: the Distributor asks for none that do."""
    groups: list[Demand] = []
    for queue in _dice.choice(_SOME_QUEUES):
        for kinds in _dice.choice(_SOME_KINDS):
            after = _dice.choice([None, None, None, job_id_of(_dice.randint(1, 8))])
            groups.append(Demand(queue, kinds, _dice.choice([0, 1, 2, 5]), after))
    return groups


# Made beforehand, for a draw costs Hypothesis more than a statement costs the Store.
_JOBS = [_some_job() for _ in range(100)]
_DEMANDS = [_some_demand() for _ in range(100)]

new_jobs = st.lists(st.tuples(job_ids, st.sampled_from(_JOBS)), min_size=1, max_size=5)
demands = st.sampled_from(_DEMANDS)

outcomes: st.SearchStrategy[Outcome | str] = st.one_of(
    st.sampled_from([Completed(), Completed("7"), Completed('{"x":[1]}')]),
    _DELAYS.map(lambda seconds: Failed(_FAILURE, seconds)),
    _DELAYS.map(lambda seconds: Failed(_FAILURE, seconds, crashed=True)),
    _DELAYS.map(Snoozed),
    st.sampled_from([Discarded(_FAILURE), Cancelled(_FAILURE), GivenBack("drain"), WAITS]),
)
endings = st.lists(st.tuples(picks, ages, outcomes), min_size=1, max_size=5)
runs = st.lists(st.tuples(picks, ages), min_size=1, max_size=4)

_kept = st.sampled_from([None, 0.0, 30.0, 4000.0])
retentions = st.builds(Retention, _kept, _kept, _kept)

filters = st.builds(
    JobFilter,
    state=st.one_of(st.none(), st.sampled_from(JobState)),
    queue=st.sampled_from([None, *QUEUES]),
    kind=st.sampled_from([None, *KINDS]),
    tag=st.sampled_from([None, None, "t"]),
)
# How many at most, and before which job.
pages = st.tuples(st.sampled_from([3, 100]), st.one_of(st.none(), job_ids))

# What is asked: a method of the machine, its arguments, and how often it is chosen. One strategy
# rather than a rule for each, for Hypothesis leaves out half of the rules in each example, and a
# job's life needs most of them.
_COMMANDS: dict[str, tuple[int, tuple[st.SearchStrategy[Any], ...]]] = {
    "enqueue": (5, (new_jobs,)),
    "claim": (9, (nodes, demands)),
    "ack": (8, (endings,)),
    "release": (2, (runs,)),
    "cancel": (4, (job_ids,)),
    "retry": (3, (job_ids,)),
    "delete": (1, (job_ids,)),
    "join": (1, (leases,)),
    "renew": (3, (nodes, leases)),
    "leave": (1, (nodes,)),
    "rescue": (5, (limits, asked_in)),
    "stage": (3, (limits, asked_in)),
    "expire": (2, (limits, asked_in)),
    "prune": (1, (retentions, limits, asked_in)),
    "elect": (2, (nodes, terms)),
    "resign": (1, (nodes,)),
    "pause": (1, (pauses,)),
    "resume": (2, (pauses,)),
    "time_passes": (4, (passing,)),
    "look_at_a_node": (1, (nodes,)),
    "look_at_jobs": (1, (filters, pages)),
    "look_at_all": (1, ()),
}


def _command(name: str) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), *_COMMANDS[name][1])


_BY_NAME = {name: _command(name) for name in _COMMANDS}
commands = st.sampled_from(
    [name for name, (weight, _) in _COMMANDS.items() for _ in range(weight)]
).flatmap(_BY_NAME.__getitem__)
