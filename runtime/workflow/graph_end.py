"""How the jobs of a graph have ended: well, failed, or skipped. Pure.

Rule: skipped is who was cancelled for another's sake, before it began: the database says so in the
reason of its cancellation.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from runtime.lifecycle import FINAL_STATES, JobState
from runtime.workflow.graph import Graph
from runtime.workflow.records import ChildResult

SKIPPED = "skipped: "
"""What the reason of a skipped job's cancellation begins with."""

_FINAL = frozenset(state.value for state in FINAL_STATES) | {"missing"}


@attrs.frozen
class GraphEnd:
    """See the module's docstring. By the number of the job. final: all have ended."""

    final: bool
    failed: tuple[tuple[int, ChildResult], ...]
    skipped: tuple[int, ...]


def is_skipped(state: str, error_class: str, message: str) -> bool:
    """Whether a job of a graph never began, for another's sake."""
    cancelled = state == JobState.CANCELLED.value
    return cancelled and not error_class and message.startswith(SKIPPED)


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
