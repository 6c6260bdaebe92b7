"""A job of a graph, as it is shown. Rule: frozen data; what a job left is shown as outputs are."""

from __future__ import annotations

from uuid import UUID

import msgspec

from runtime.lifecycle import JobState

ROOT_KIND = "headrace.graph"
"""The kind of a graph's root, which never runs."""

SKIPPED = "skipped: "
"""What the reason of a skipped job's cancellation begins with."""


class GraphNode(msgspec.Struct, frozen=True):
    """One job of a graph.

    Attributes: name, in its graph; place, of the graph in its workflow, "1" where it is a client's;
    error_class and message, of its last failure, or why it was cancelled or skipped; after, names
    of those that it comes after.
    """

    name: str
    id: UUID
    kind: str
    state: JobState
    place: str
    attempt: int
    error_class: str
    message: str
    after: tuple[str, ...] = ()

    @property
    def skipped(self) -> bool:
        """Whether it did not begin, for another's sake."""
        return is_skipped(self.state.value, self.error_class, self.message)


def is_skipped(state: str, error_class: str, message: str) -> bool:
    """Whether a job of a graph never began, for another's sake."""
    cancelled = state == JobState.CANCELLED.value
    return cancelled and not error_class and message.startswith(SKIPPED)
