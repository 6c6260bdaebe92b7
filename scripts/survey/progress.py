"""Shows how far it is: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

import attrs
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

_LINE_SECONDS = 2.0  # between plain lines
_BAR_WIDTH = 40


@attrs.frozen
class Progress:
    """Attributes: done of total; detail, such as how many jobs are in which state; now, the
    modules that are being surveyed."""

    done: int
    total: int
    detail: str = ""
    now: Sequence[str] = ()


class Show(Protocol):
    """Takes each Progress as it comes."""

    def __call__(self, progress: Progress, /) -> None: ...


@contextmanager
def showing(console: Console) -> Iterator[Show]:
    """A display for one phase, with a clock that begins now."""
    begun = monotonic()
    if not console.is_terminal:
        yield _Lines(console, begun)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda progress: live.update(_drawn(progress, monotonic() - begun), refresh=True)


@attrs.define
class _Lines:
    console: Console
    begun: float
    due: float = 0.0

    def __call__(self, progress: Progress) -> None:
        seconds = monotonic() - self.begun
        if seconds < self.due:
            return
        self.due = seconds + _LINE_SECONDS
        said = [f"{seconds:6.1f} s  {progress.done} of {progress.total}"]
        said += [part for part in (progress.detail, ", ".join(progress.now)) if part]
        self.console.print("; ".join(said), markup=False, soft_wrap=True)


def _drawn(progress: Progress, seconds: float) -> Group:
    bar = ProgressBar(total=progress.total, completed=progress.done, width=_BAR_WIDTH)
    head = Text(f" {progress.done} of {progress.total}   {seconds:.1f} s")
    lines = [Text(f"  {text}", no_wrap=True, overflow="ellipsis") for text in _small(progress)]
    return Group(bar, head, *lines)


def _small(progress: Progress) -> list[str]:
    now = [f"now: {', '.join(progress.now)}"] if progress.now else []
    return [*filter(None, [progress.detail]), *now]
