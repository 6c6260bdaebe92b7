"""Rows of the database as the Store's data, and the Store's data as parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from actors.store.bridge import Row
from actors.store.protocol import (
    Acked,
    Demand,
    LimitedClaim,
    NodeInfo,
    NodeRow,
    QueueInfo,
    RunNote,
    Served,
    Term,
)
from runtime.job import ClaimedJob, FailureRow, Job
from runtime.lifecycle import Ack, JobState
from runtime.outcome import Failure
from runtime.readable import readable

_NO_FAILURE = (None,) * len(Failure.__struct_fields__)


def demand_columns(
    demand: Sequence[Demand],
) -> tuple[list[str], list[str], list[int], list[UUID | None]]:
    """Groups of demand as claim.sql takes them."""
    return (
        [group.queue for group in demand],
        [array_literal(group.kinds) for group in demand],
        [group.places for group in demand],
        [group.after for group in demand],
    )


def limited_claim_of(found: Sequence[Row]) -> LimitedClaim:
    """The rows of claim_limited.sql: jobs, and one a group with a NULL id."""
    again: dict[str, float | None] = {}
    for row in found:
        if row["id"] is None:
            times = [again.get(row["queue"]), row["again_seconds"]]
            again[row["queue"]] = min((each for each in times if each is not None), default=None)
    jobs = [ClaimedJob(*tuple(row)[:-1]) for row in found if row["id"] is not None]
    return LimitedClaim(jobs, again)


def served_of(row: Row) -> Served:
    """The row of served.sql."""
    assigned = msgspec.json.decode(row["assigned"] or "{}", type=dict[str, str | None])
    return Served(frozenset(row["limited"]), assigned, tuple(row["waiting"]))


def array_literal(texts: Sequence[str]) -> str:
    """A text[] in PostgreSQL's own notation: an array of arrays of unlike length has no other."""
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in escaped) + "}"


def ack_columns(acks: Sequence[Ack]) -> list[list[Any]]:
    """Acks as ack.sql takes them."""
    rows = [
        (
            ack.id,
            ack.run_number,
            ack.state.value,
            ack.delay_seconds,
            ack.counted,
            ack.output,
            *(_NO_FAILURE if ack.failure is None else msgspec.structs.astuple(ack.failure)),
            ack.crashed,
            ack.wall_seconds,
            ack.cpu_seconds,
            ack.peak_rss_kib,
        )
        for ack in acks
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def completion_columns(acks: Sequence[Ack]) -> tuple[list[Any], ...]:
    """Acks as ack_completed.sql takes them."""
    return (
        [ack.id for ack in acks],
        [ack.run_number for ack in acks],
        [ack.output for ack in acks],
        [-1.0 if ack.wall_seconds is None else ack.wall_seconds for ack in acks],
        [-1.0 if ack.cpu_seconds is None else ack.cpu_seconds for ack in acks],
        [-1 if ack.peak_rss_kib is None else ack.peak_rss_kib for ack in acks],
    )


def note_columns(notes: Sequence[RunNote]) -> list[list[Any]]:
    """Notes as note.sql takes them."""
    columns = [
        (
            one.job_id,
            one.run_number,
            one.note.progress,
            one.note.message,
            one.note.stored,
            msgspec.json.encode(one.note.lines).decode() if one.note.lines else None,
            one.note.last_line,
            one.note.kept_from,
        )
        for one in notes
    ]
    return [list(column) for column in zip(*columns, strict=True)]


def is_completion(ack: Ack) -> bool:
    """Whether ack_completed.sql says it all."""
    return ack.state is JobState.COMPLETED and ack.failure is None and ack.counted


def acked_of(row: Row, acks: Sequence[Ack]) -> Acked:
    """The answer of ack.sql or ack_completed.sql."""
    late = (acks[place - 1] for place in sorted(row["stale"] or ()))
    return Acked(
        written=row["written"],
        stale=tuple((ack.id, ack.run_number) for ack in late),
        retried=row.get("retried", 0),
        discarded=row.get("discarded", 0),
        cancelled=row.get("cancelled", 0),
        next_due_seconds=row.get("next_due_seconds"),
        parents=tuple(dict.fromkeys(row["parents"] or ())),
    )


def node_values(node: NodeInfo) -> tuple[Any, ...]:
    """A node as join.sql takes it."""
    return (
        node.name,
        node.host,
        node.boot_id,
        node.pid,
        node.pid_started,
        node.version,
        list(node.queues),
        node.workers,
    )


def job_of(row: Row, failures: Sequence[Row] = ()) -> Job:
    """A row of get.sql or jobs.sql, with those of failures.sql."""
    values = dict(row.items())
    output = values["output"]
    values.update(
        state=JobState(values["state"]),
        args=readable(values["args"]),
        output=None if output is None else readable(output),
        metadata=readable(values["metadata"]),
        tags=tuple(values["tags"]),
        failures=tuple(FailureRow(**dict(failure.items())) for failure in failures),
    )
    return Job(**values)


def node_of(row: Row) -> NodeRow:
    """A row of nodes.sql."""
    values = dict(row.items())
    values["queues"] = tuple(values["queues"])
    values["kinds"] = None if values["kinds"] is None else tuple(values["kinds"])
    return NodeRow(**values)


def queue_of(row: Row) -> QueueInfo:
    """A row of queues.sql."""
    return QueueInfo(**dict(row.items()))


def term_of(row: Row) -> Term:
    """The row of elect.sql."""
    return Term(**dict(row.items()))
