"""What a graph comes to as rows: its jobs, with ids made by a rule, and what they wait for. Pure.

Rule: jobs that wait for the same share one dependency, however many there are, so that a thousand
jobs after a thousand others are two thousand ids, and not a million pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

import attrs
import msgspec

from runtime import payload
from runtime.errors import PayloadError, UsageError
from runtime.handler_enqueue import Enqueuer
from runtime.job import NewJob
from runtime.workflow.children import made_child, new_child
from runtime.workflow.gaps import Input, wrapped
from runtime.workflow.graph import Graph, GraphJob, Needed
from runtime.workflow.ids import child_id
from runtime.workflow.inputs import of
from runtime.workflow.records import Dependency

# In a job's metadata: its name in its graph.
NAME_KEY = "headrace.graph"


@attrs.frozen
class Planned:
    """See the module's docstring. jobs: in the order of the graph's."""

    jobs: list[NewJob]
    after: tuple[Dependency, ...]


def planned(graph: Graph, parent: UUID, seed: str) -> Planned:
    """The rows. Raises: UsageError, ArgsInvalid, PayloadError."""
    ids = {job: child_id(parent, seed, index) for index, job in enumerate(graph.jobs)}
    jobs = [_named_job(job, ids) for job in graph.jobs]
    waiting: dict[tuple[tuple[UUID, ...], int], list[UUID]] = {}
    for job in graph.jobs:
        if job.before:
            strict = tuple(ids[each] for each, must in job.before.items() if must)
            others = tuple(ids[each] for each, must in job.before.items() if not must)
            waiting.setdefault((strict + others, len(strict)), []).append(ids[job])
    after = tuple(
        Dependency(_bytes(needed), strict, _bytes(those))
        for (needed, strict), those in _in_order(waiting, list(ids.values()))
    )
    return Planned(jobs, after)


def _bytes(ids: tuple[UUID, ...] | list[UUID]) -> tuple[bytes, ...]:
    return tuple(each.bytes for each in ids)


def _in_order(
    waiting: Mapping[tuple[tuple[UUID, ...], int], list[UUID]], order: list[UUID]
) -> list[tuple[tuple[tuple[UUID, ...], int], list[UUID]]]:
    """By the last of the needed: so none needs what a later one lets begin."""
    place = {job_id: index for index, job_id in enumerate(order)}
    return sorted(waiting.items(), key=lambda each: max(place[one] for one in each[0][0]))


def _named_job(job: GraphJob, ids: Mapping[GraphJob, UUID]) -> NewJob:
    try:
        return _new_job(job, ids)
    except PayloadError as error:
        raise of(error, f"job {job.name!r} of a graph") from None


def _new_job(job: GraphJob, ids: Mapping[GraphJob, UUID]) -> NewJob:
    given, inputs = _parted(job, ids)
    if inputs:
        _check_takes_inputs(job)
        make = partial(Enqueuer.job_with_gaps, given=given, wrap=partial(wrapped, inputs=inputs))
        made = made_child(job.target, ids[job], make)
    else:
        made = new_child(job.target, ids[job], job.args, job.kwargs)
    if job.before and made.sequence:
        raise UsageError(
            f"job {job.name!r} is of a sequence, so it cannot wait for others of its graph"
        )
    metadata = msgspec.json.decode(made.metadata, type=dict[str, msgspec.Raw])
    metadata[NAME_KEY] = msgspec.Raw(msgspec.json.encode(job.name))
    told = msgspec.json.encode(metadata).decode()
    return msgspec.structs.replace(made, metadata=told, held=bool(job.before))


def _parted(job: GraphJob, ids: Mapping[GraphJob, UUID]) -> tuple[Mapping[str, Any], list[Input]]:
    """Its args by name, with None in each gap; and what fills them. Raises: ArgsInvalid."""
    inputs: list[Input] = []

    def gap(value: Any, field: str, place: int | None) -> Any:
        if not isinstance(value, GraphJob | Needed):
            return value
        inputs.append(_input(job, value, ids, field, place))
        return None

    given = dict(job.target.target.given(job.args, job.kwargs))
    for field, value in given.items():
        if isinstance(value, list | tuple):
            given[field] = [gap(each, field, place) for place, each in enumerate(value)]
        else:
            given[field] = gap(value, field, None)
    return given, inputs


def _input(
    job: GraphJob,
    value: GraphJob | Needed,
    ids: Mapping[GraphJob, UUID],
    field: str,
    place: int | None,
) -> Input:
    if isinstance(value, GraphJob):
        return Input(field, place, ids[value], must=job.on_failure == "skip")
    text = payload.encode(f"or_else of {value.job.name!r}", value.otherwise)
    otherwise = msgspec.Raw(text.encode())
    return Input(field, place, ids[value.job], must=False, whole=value.whole, otherwise=otherwise)


def _check_takes_inputs(job: GraphJob) -> None:
    if getattr(job.target.target, "batch", None) is not None:
        raise UsageError(
            f"job {job.name!r} is of a batch handler, which takes no outputs of other jobs; "
            f"let a job of a plain handler enqueue it"
        )
