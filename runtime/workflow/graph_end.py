"""How the jobs of a graph have ended: well, failed, or skipped. Pure.

Rule: skipped is who was cancelled for another's sake, before it began: the database says so in the
reason of its cancellation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import attrs

from runtime.graph_node import is_skipped
from runtime.lifecycle import FINAL_STATES, JobState
from runtime.workflow.graph import Graph
from runtime.workflow.records import ChildResult

_FINAL = frozenset(state.value for state in FINAL_STATES) | {"missing"}


@attrs.frozen
class GraphEnd:
    """See the module's docstring. By the number of the job. final: all have ended."""

    final: bool
    failed: tuple[tuple[int, ChildResult], ...]
    skipped: tuple[int, ...]


def ended(graph: Graph, results: Sequence[ChildResult]) -> GraphEnd:
    """How they have ended, in the order of the graph's jobs."""
    assert len(graph.jobs) == len(results)
    bad = [
        (index, each)
        for index, each in enumerate(results)
        if each.state in _FINAL and each.state != JobState.COMPLETED.value
    ]
    skipped = [
        index for index, each in bad if is_skipped(each.state, each.error_class, each.message)
    ]
    return GraphEnd(
        all(each.state in _FINAL for each in results),
        tuple((index, each) for index, each in bad if index not in set(skipped)),
        tuple(skipped),
    )


def texts_of(graph: Graph, ids: Sequence[UUID], results: Sequence[ChildResult]) -> list[str | None]:
    """Outputs of those that ended well, opened, as JSON text. Raises: CodecError."""
    return [
        None
        if each.output is None or each.state != JobState.COMPLETED.value
        else job.target.target.sealer.unseal("output", each.output, job.target.target.kind, job_id)
        for job, job_id, each in zip(graph.jobs, ids, results, strict=True)
    ]


def outputs_of(
    graph: Graph, texts: Sequence[str | None], without: Collection[int]
) -> dict[str, Any]:
    """By name, as their handlers' annotations have them; but of these. Raises: OutputInvalid."""
    return {
        job.name: job.target.target.decode_output(text)
        for index, (job, text) in enumerate(zip(graph.jobs, texts, strict=True))
        if index not in without
    }
