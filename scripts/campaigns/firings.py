"""Whether each firing of an interval was made, and once. Pure; tested with histories made wrong.

Times are in microseconds: an interval's firings lie on a grid, exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import attrs


@attrs.frozen
class Firing:
    """A job of a schedule. `late_seconds`: from the firing's time until the job was written."""

    schedule: str
    at_us: int
    late_seconds: float


@attrs.frozen
class Grid:
    """A schedule that fires every so often, from its first firing to before its next one."""

    schedule: str
    first_us: int
    next_us: int
    interval_us: int


def wrong(grids: Iterable[Grid], firings: Iterable[Firing]) -> Iterator[tuple[str, str]]:
    """Kind and text of each violation: lost_firing, double_firing, stray_firing."""
    by_schedule: dict[str, list[int]] = defaultdict(list)
    for each in firings:
        by_schedule[each.schedule].append(each.at_us)
    for grid in grids:
        yield from _of_one(grid, sorted(by_schedule.pop(grid.schedule, [])))
    for name in by_schedule:
        yield "stray_firing", f"nobody has made a schedule {name}"


def _of_one(grid: Grid, found: Sequence[int]) -> Iterator[tuple[str, str]]:
    expected = set(range(grid.first_us, grid.next_us, grid.interval_us))
    for one, other in pairwise(found):
        if one == other:
            yield "double_firing", _text(grid, one, "was made twice")
    for at in sorted(expected - set(found)):
        yield "lost_firing", _text(grid, at, "is not there")
    for at in sorted(set(found) - expected):
        yield "stray_firing", _text(grid, at, "is not on its grid, or beyond its end")


def _text(grid: Grid, at: int, what: str) -> str:
    seconds = (at - grid.first_us) / 1e6
    return f"{grid.schedule}: the firing {seconds:.6f} s after the first one {what}"
