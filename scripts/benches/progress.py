"""Says how far a bench is, on stderr: a line rewritten on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

import attrs

_LINE_SECONDS = 2.0  # between plain lines of one phase
_CLEAR = "\r\x1b[K"


@attrs.define
class Progress:
    """Phases one after the other, each with what is known of it now."""

    out: TextIO = attrs.field(factory=lambda: sys.stderr)
    _began: float = attrs.field(factory=time.monotonic)
    _phase: str = ""
    _due: float = 0.0

    def phase(self, name: str) -> None:
        """Begin the next one."""
        self._phase, self._due = name, 0.0
        self.show("")

    def show(self, detail: str) -> None:
        """How far it is."""
        line = f"{time.monotonic() - self._began:6.1f} s  {self._phase} {detail}".rstrip()
        if self.out.isatty():
            print(f"{_CLEAR}{line}", end="", file=self.out, flush=True)
        elif time.monotonic() >= self._due:
            self._due = time.monotonic() + _LINE_SECONDS
            print(line, file=self.out, flush=True)

    def close(self) -> None:
        """Leave no unfinished line behind."""
        if self.out.isatty():
            print(_CLEAR, end="", file=self.out, flush=True)
