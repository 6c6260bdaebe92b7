"""A workflow's timeline as a picture: a line a step, and beside it when it was.

    timeline: 5 steps, 3.1 s
      1  ✓ step    list        ━                             0.12 s
      2  ✓ map     survey       ━━━━━━━━━━━━━━━━━            1.9 s  40 completed
      3  ✓ publish report                        ━           0 s
      4  … signal  approved                       ┄┄┄┄┄┄┄┄┄  waits

Pure: from the steps alone, without a clock. The right edge is the last moment that is known; what
is still open reaches it. Rule: names come from strangers, and are shown on one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import attrs

from runtime.cli.output import cell, printable
from runtime.lifecycle import JobState
from runtime.timeline import Step

MOST_SHOWN = 60  # steps; of more, the first and the last ones
_NAME_WIDTH = 30
_LEAST_BAR, _MOST_BAR = 10, 60
_TOLD_WIDTH = 26  # characters beside the bar, mostly
_NO_TIME = timedelta()


@attrs.frozen
class Marks:
    """What stands for what."""

    done: str = "✓"
    failed: str = "✗"
    again: str = "↻"
    open: str = "…"
    bar: str = "━"
    waiting: str = "┄"

    def of(self, step: Step) -> str:
        """How the step stands."""
        if step.failed:
            return self.failed
        if step.done:
            return self.done
        return self.open if step.error_class is None else self.again


ASCII = Marks("+", "x", "~", ".", "=", "-")


def marks_for(encoding: str | None) -> Marks:
    """Those that can be written in this encoding."""
    marks = Marks()
    try:
        "".join(attrs.astuple(marks)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return marks


def picture(
    steps: Sequence[Step], width: int, marks: Marks, most: int | None = MOST_SHOWN
) -> Iterator[str]:
    """The lines; none where there are no steps. `most`: steps that are shown; None: all."""
    if not steps:
        return
    span = _Span(min(map(_begin, steps)), max(map(_end, steps)))
    number = "1 step" if len(steps) == 1 else f"{len(steps):,} steps"
    yield f"timeline: {number}, {_seconds(span.length.total_seconds())}"
    shown, hidden = _shown(steps, most)
    columns = _Columns.of(shown, width)
    for index, step in enumerate(shown):
        if hidden and index == len(shown) // 2:
            yield f"  ... {hidden:,} steps are not shown here: `workflow steps` lists all ..."
        yield columns.line(step, span, marks)


def _shown(steps: Sequence[Step], most: int | None) -> tuple[Sequence[Step], int]:
    if most is None or len(steps) <= most:
        return steps, 0
    half = most // 2
    return [*steps[:half], *steps[-half:]], len(steps) - 2 * half


def _begin(step: Step) -> datetime:
    if step.seconds is None:
        return step.began_at
    return min(step.began_at, step.recorded_at - timedelta(seconds=step.seconds))


def _end(step: Step) -> datetime:
    return max(step.recorded_at, step.began_at)


@attrs.frozen
class _Span:
    """From the first begin to the last known moment."""

    begin: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.begin

    def columns(self, step: Step, width: int) -> tuple[int, int]:
        """From which column to before which, of a bar of this width, the step reaches."""
        if self.length <= _NO_TIME:
            return 0, width if not step.done else 1
        until = _end(step) if step.done else self.end
        first = min(width - 1, round((_begin(step) - self.begin) / self.length * width))
        last = round((until - self.begin) / self.length * width)
        return first, min(width, max(first + 1, last))


@attrs.frozen
class _Columns:
    place: int
    op: int
    name: int
    bar: int

    @classmethod
    def of(cls, steps: Sequence[Step], width: int) -> _Columns:
        place = max(len(step.place) for step in steps)
        op = max(len(step.op) for step in steps)
        name = min(_NAME_WIDTH, max(len(printable(step.name)) for step in steps))
        left = width - (place + op + name + _TOLD_WIDTH + 9)
        return cls(place, op, name, max(_LEAST_BAR, min(_MOST_BAR, left)))

    def line(self, step: Step, span: _Span, marks: Marks) -> str:
        first, last = span.columns(step, self.bar)
        sign = marks.bar if step.done else marks.waiting
        bar = " " * first + sign * (last - first)
        head = f"  {step.place:>{self.place}} {marks.of(step)} {step.op:<{self.op}}"
        name = _cut(printable(step.name), self.name)
        return f"{head}  {name:<{self.name}}  {bar:<{self.bar}}  {_told(step)}".rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 2]}.."


def _told(step: Step) -> str:
    said = [_time(step)]
    if step.attempts > 1:
        said.append(f"{step.attempts} attempts")
    said += [f"{number} {state}" for state, number in _children(step)]
    if step.error_class is not None:
        said.append(printable(f"{step.error_class}: {step.message}".splitlines()[0])[:80])
    return "  ".join(said)


def _time(step: Step) -> str:
    if not step.done:
        return "waits" if step.until is None else f"until {cell(step.until)}"
    return _seconds((_end(step) - _begin(step)).total_seconds())


def _children(step: Step) -> Iterator[tuple[str, int]]:
    """In the order of the states."""
    for state in JobState:
        if state.value in step.children:
            yield state.value, step.children[state.value]


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s" if seconds >= 0.001 else "0 s"
    return str(timedelta(seconds=round(seconds)))
