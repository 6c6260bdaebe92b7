"""Statements with one fault each, and the steps that show it: so the machine can fail.

The machine begins with a node whose lease lasts 100 s (the second newest), one whose lease lasts
5,000 s, and jobs 1 and 2 in the queue "one"; 2 is the more urgent. A step takes a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from actors.store.protocol import Demand, Retention
from runtime import sql
from runtime.outcome import Completed, Discarded, Failed, Failure
from tests.store.machine.rows import job_id_of
from tests.store.machine.strategies import KINDS

Command = tuple[Any, ...]

_OOPS = Failure("ValueError", "oops")
_ONE = job_id_of(1)
_CLAIM = ("claim", 0, [Demand("one", KINDS, 5)])
_CLAIM_BRIEFLY = ("claim", 1, [Demand("one", KINDS, 5)])
_LATER = ("time_passes", 99.0)
_RESCUE = ("rescue", 1000, None)
_CANCEL, _RETRY = ("cancel", _ONE), ("retry", _ONE)


def _ack(outcome: object, age: int = 0) -> Command:
    return ("ack", [(0, age, outcome)])


@attrs.frozen
class Mutant:
    """A statement in which `sound` became `faulty`, what is wrong with it, and steps that tell."""

    wrong: str
    statement: str
    sound: str
    faulty: str
    steps: Sequence[Command]

    def loader(self) -> Callable[[str], str]:
        """What stands in for `runtime.sql.load`."""
        load = sql.load
        text = load(self.statement)
        assert self.sound in text, self.sound
        mutated = text.replace(self.sound, self.faulty, 1)
        return lambda name: mutated if name == self.statement else load(name)


MUTANTS = [
    Mutant(
        "a completion ignores the run number",
        "ack_completed",
        "AND job.run_number = ($2::integer[])[given.place] AND",
        "AND",
        [_CLAIM, _ack(Completed(), age=1)],
    ),
    Mutant(
        "an outcome ignores the run number",
        "ack",
        "WHERE job.id = given.id AND job.run_number = given.run_number",
        "WHERE job.id = given.id",
        [_CLAIM, _ack(Discarded(_OOPS), age=1)],
    ),
    Mutant(
        "a rescue does not count the attempt",
        "rescue",
        "node_id = NULL",
        "attempt = job.attempt - 1, node_id = NULL",
        [_CLAIM_BRIEFLY, _LATER, _RESCUE],
    ),
    Mutant(
        "a rescue ignores the end of a term",
        "rescue",
        "$2::bigint IS NULL OR",
        "true OR $2::bigint IS NULL OR",
        [_CLAIM_BRIEFLY, _LATER, ("rescue", 1000, 0)],
    ),
    Mutant(
        "a rescue takes from the living",
        "rescue",
        "node.expires_at <= now()",
        "true",
        [_CLAIM, _RESCUE],
    ),
    Mutant(
        "a rescue forgets a request to cancel",
        "rescue",
        "WHEN job.cancel_requested_at IS NOT NULL AND (",
        "WHEN false AND (",
        [_CLAIM_BRIEFLY, _CANCEL, _LATER, _RESCUE],
    ),
    Mutant(
        "a claim ignores a pause",
        "claim",
        "queue.paused_at IS NOT NULL",
        "false",
        [("pause", "one"), _CLAIM],
    ),
    Mutant(
        "a claim does without a lease",
        "claim",
        "AND node.expires_at > clock_timestamp()",
        "",
        [_LATER, _CLAIM_BRIEFLY],
    ),
    Mutant(
        "a claim goes by time alone",
        "claim",
        "ORDER BY job.priority, job.scheduled_at, job.id",
        "ORDER BY job.scheduled_at, job.id",
        [("claim", 0, [Demand("one", KINDS, 1)])],
    ),
    Mutant(
        "a run is given back and counted",
        "release",
        "attempt = job.attempt - 1",
        "attempt = job.attempt",
        [_CLAIM, ("release", [(0, 0)])],
    ),
    Mutant(
        "a failure forgets a request to cancel",
        "ack",
        "WHEN held.cleans IS NULL AND held.cancelled THEN 'cancelled'",
        "WHEN false THEN 'cancelled'",
        [_CLAIM, _CANCEL, _ack(Failed(_OOPS, 5.0))],
    ),
    Mutant(
        "a retry keeps a request to cancel",
        "retry",
        "cancel_requested_at = NULL,",
        "",
        [_CANCEL, _RETRY],
    ),
    Mutant(
        "a retry gives no attempt",
        "retry",
        "greatest(job.max_attempts, job.attempt + 1)",
        "job.max_attempts",
        [_CLAIM, _ack(Failed(_OOPS, 0.0)), _CLAIM, _ack(Discarded(_OOPS)), _RETRY],
    ),
    Mutant(
        "a job is cancelled anew",
        "cancel",
        "$3::boolean",
        "true",
        [_CLAIM, _CANCEL, _CANCEL],
    ),
    Mutant(
        "what runs is deleted",
        "delete",
        "AND job.state <> 'running'",
        "",
        [_CLAIM, ("delete", _ONE)],
    ),
    Mutant(
        "what is not due is staged",
        "stage",
        "job.scheduled_at <= now()",
        "job.scheduled_at <= now() + interval '30 s'",
        [_CLAIM, _ack(Failed(_OOPS, 5.0)), ("stage", 1000, None)],
    ),
    Mutant(
        "what is young is pruned",
        "prune",
        "job.finalized_at < now() -",
        "job.finalized_at < now() +",
        [_CLAIM, _ack(Completed()), ("prune", Retention(30.0, 30.0, 30.0), 1000, None)],
    ),
    Mutant(
        "a lease that ran out is had again",
        "renew",
        "AND expires_at > clock_timestamp()",
        "",
        [_LATER, ("renew", 1, 100.0)],
    ),
    Mutant(
        "two lead at once",
        "elect",
        "leader.expires_at <= clock_timestamp()",
        "true",
        [("elect", 0, 60.0), ("elect", 1, 60.0)],
    ),
]
