"""Steps as the statements take them, and what these answer as the Store's data. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from actors.store.bridge import Row
from actors.store.workflows import RunRecords
from runtime.payload import cut
from runtime.workflow.records import (
    LONGEST_ERROR_BYTES,
    ChildResult,
    Collected,
    Dependency,
    History,
    Recalled,
    Record,
    Recorded,
    Refused,
    SignalRow,
    Spawn,
    StepError,
    StepRecord,
)

LOST = Refused("lost", "the run is not the job's current one any more")
BEGINS_ANEW = "continue"

_LONGEST_CLASS_BYTES = 1024
_signals = msgspec.json.Decoder(list[tuple[UUID, str, str]])
_error = msgspec.json.Decoder(StepError)


def record_statement(records: Sequence[RunRecords]) -> tuple[str, Sequence[Any]]:
    """How to record the steps of asks that are all Record: the statement, and what it takes."""
    steps = [_step_row(one, step) for one in records for step in steps_of(one)]
    if any(signal is not None or publish for *_, signal, publish in steps):
        return "record", _columns(steps)
    if len(steps) == 1:
        return "record_step", steps[0][:-2]
    return "record_steps", _columns(steps)[:-2]


def _columns(steps: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*steps, strict=True)]


def steps_of(one: RunRecords) -> tuple[StepRecord, ...]:
    """What an ask has recorded."""
    return one.ask.steps if isinstance(one.ask, Record) else (one.ask.step,)


def _step_row(one: RunRecords, step: StepRecord) -> tuple[Any, ...]:
    return (
        one.job_id,
        one.run_number,
        step.place,
        step.op,
        step.name,
        step.done,
        step.output,
        error_text(step.error),
        step.attempts,
        step.seconds,
        step.mode,
        step.until_seconds,
        step.until,
        step.max_in_flight,
        None if step.signal is None else UUID(bytes=step.signal),
        step.publish,
    )


def error_text(error: StepError | None) -> str | None:
    """An error as it is stored."""
    if error is None:
        return None
    kept = StepError(
        cut(error.error_class, _LONGEST_CLASS_BYTES), cut(error.message, LONGEST_ERROR_BYTES)
    )
    return msgspec.json.encode(kept).decode()


class _Waiting(msgspec.Struct, omit_defaults=False):
    """A step as spawn_children takes it."""

    op: str
    name: str
    done: bool
    output: msgspec.Raw | None
    error: msgspec.Raw | None
    attempts: int
    seconds: float | None
    mode: str
    until: float | None
    until_seconds: float | None
    max_in_flight: int | None
    after: list[_After] | None


class _After(msgspec.Struct):
    """A dependency as write_dependencies takes it."""

    needed: list[UUID]
    hard: int
    waiting: list[UUID]


def waiting_json(step: StepRecord, after: Sequence[Dependency] = ()) -> str:
    """The step of a Spawn, with what its jobs wait for, as spawn.sql takes it."""
    error = error_text(step.error)
    waiting = _Waiting(
        step.op,
        step.name,
        step.done,
        None if step.output is None else msgspec.Raw(step.output.encode()),
        None if error is None else msgspec.Raw(error.encode()),
        step.attempts,
        step.seconds,
        step.mode,
        step.until,
        step.until_seconds,
        step.max_in_flight,
        [_After(_uuids(each.needed), each.strict, _uuids(each.waiting)) for each in after] or None,
    )
    return msgspec.json.encode(waiting).decode()


def _uuids(ids: Sequence[bytes]) -> list[UUID]:
    return [UUID(bytes=each) for each in ids]


def recorded_of(row: Row, records: Sequence[RunRecords]) -> list[Recorded | Refused]:
    """The answer of record.sql, by ask."""
    done = Recorded(row["now"])
    unwritten = [text.split(" ", 3) for text in row["unwritten"] or ()]
    if not unwritten:
        return [done] * len(records)
    done_by = {(job_id, run, place): int(doer) for job_id, run, doer, place in unwritten}
    return [next(_refusals(one, done_by), done) for one in records]


def _refusals(one: RunRecords, done_by: Mapping[tuple[str, str, str], int]) -> Iterator[Refused]:
    """Of steps that are not recorded: not by this ask, and not by one before of the same run."""
    for step in steps_of(one):
        doer = done_by.get((str(one.job_id), str(one.run_number), step.place), one.run_number)
        if doer == 0 or doer > one.run_number:
            yield LOST
        elif doer < one.run_number:
            yield taken_already(step.place)


def taken_already(place: str) -> Refused:
    """A run may not record what one before it has done."""
    return Refused("invalid", f"the step at {place} is recorded already, by an earlier run")


def spawned_of(row: Row, one: RunRecords) -> Recorded | Refused:
    """The answer of spawn.sql."""
    answer: str = row["answer"]
    if answer == "lost":
        return LOST
    if answer == "spawned" or int(answer) == one.run_number:
        return Recorded(row["now"])
    assert isinstance(one.ask, Spawn)
    return taken_already(one.ask.step.place)


def history_of(found: Sequence[Row]) -> History | Refused:
    """The rows of recall.sql."""
    if not found:
        return LOST
    first = found[0]
    signals = _signals.decode(first["signals"]) if first["signals"] is not None else []
    return History(
        tuple(_recalled(row) for row in found if row["place"] is not None),
        tuple(SignalRow(signal_id.bytes, name, value) for signal_id, name, value in signals),
        first["more"],
        first["now"],
        first["cancelled"],
        first["reason"],
        first["expired"],
    )


def _recalled(row: Row) -> Recalled:
    error: str | None = row["error"]
    return Recalled(
        row["place"],
        row["op"],
        row["name"],
        row["done"],
        row["output"],
        None if error is None else _error.decode(error),
        row["attempts"],
        row["until"],
        bool(row["over"]),
        row["value"],
    )


def collected_of(found: Sequence[Row]) -> Collected | Refused:
    """The rows of collect.sql, of one job at least."""
    if not found:
        return LOST
    return Collected(
        tuple(
            ChildResult("missing")
            if row["state"] is None
            else ChildResult(
                row["state"],
                row["output"],
                row["error_class"] or "",
                row["message"] or "",
                row["kind"],
            )
            for row in found
        )
    )
