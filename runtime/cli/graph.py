"""A graph as a picture: a line a job, each after those that it comes after.

    graph: 4 jobs: 2 completed, 1 discarded, 1 skipped
      ✓ top     one  completed
      ✗ left    add  discarded  after top  ValueError: broken
      ✓ right   add  completed  after top
      - bottom  add  skipped    after left, right, top

Pure. Rule: names come from strangers, and are shown on one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from runtime.cli.output import printable
from runtime.cli.timeline import MOST_SHOWN, Marks
from runtime.graph_node import GraphNode
from runtime.lifecycle import JobState

_MOST_NAMES = 5  # of those that a job comes after
_SKIPPED_MARK = "-"
_NAME_WIDTH = 30


def graph_picture(
    nodes: Sequence[GraphNode], marks: Marks, most: int = MOST_SHOWN
) -> Iterator[str]:
    """The lines; none where there are no jobs. A workflow may have several graphs."""
    for place, group in groupby(nodes, key=lambda each: each.place):
        yield from _one(place, list(group), marks, most)


def _one(place: str, nodes: Sequence[GraphNode], marks: Marks, most: int) -> Iterator[str]:
    at = "" if place == "1" else f" at step {place}"
    jobs = "1 job" if len(nodes) == 1 else f"{len(nodes):,} jobs"
    yield f"graph{at}: {jobs}: {_tally(nodes)}"
    half = most // 2
    shown = nodes if len(nodes) <= most else [*nodes[:half], *nodes[-half:]]
    rows = [(_cut(printable(each.name)), printable(each.kind), _word(each)) for each in shown]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for index, (each, row) in enumerate(zip(shown, rows, strict=True)):
        if len(shown) < len(nodes) and index == half:
            yield f"  ... {len(nodes) - len(shown):,} jobs are not shown here: --json lists all ..."
        columns = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield f"  {_mark(each, marks)} {columns}  {_told(each)}".rstrip()


def _tally(nodes: Sequence[GraphNode]) -> str:
    words = [_word(each) for each in nodes]
    order = [*(state.value for state in JobState), "skipped"]
    return ", ".join(f"{words.count(word):,} {word}" for word in order if word in words)


def _word(node: GraphNode) -> str:
    return "skipped" if node.skipped else node.state.value


def _mark(node: GraphNode, marks: Marks) -> str:
    if node.skipped:
        return _SKIPPED_MARK
    if not node.state.final:
        return marks.again if node.state is JobState.RETRYABLE else marks.open
    return marks.done if node.state is JobState.COMPLETED else marks.failed


def _told(node: GraphNode) -> str:
    said = []
    if node.after:
        names = ", ".join(printable(name) for name in node.after[:_MOST_NAMES])
        more = len(node.after) - _MOST_NAMES
        said.append(f"after {names}" + (f" and {more:,} more" if more > 0 else ""))
    if node.error_class:
        lines = f"{node.error_class}: {node.message}".splitlines()
        said.append(printable(lines[0])[:80])
    return "  ".join(said)


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 2]}.."
