"""A node's clock, to be put wrong from outside: before it starts, and while it runs.

WrongClock.put ─▶ a page in the clock's folder ─▶ wrong_clock, in each process (sitecustomize)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from scripts.benches.node import CHECKOUT
from scripts.campaigns.wrong_clock import PAGE


@attrs.define
class WrongClock:
    """One node's. Attributes: folder, of its own, is made; seconds, how far it is ahead."""

    folder: Path
    seconds: float

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir()
        self._page.touch()
        self.put(self.seconds)
        lines = (
            "from scripts.campaigns.wrong_clock import install",
            f"install({str(self._page)!r})",
        )
        (self.folder / "sitecustomize.py").write_text("\n".join(lines))

    @property
    def _page(self) -> Path:
        return self.folder / "page"

    @property
    def variables(self) -> Mapping[str, str]:
        """Of the environment of a process that is to have it, and of all that it starts."""
        return {"PYTHONPATH": f"{self.folder}:{CHECKOUT}"}

    def put(self, seconds: float) -> None:
        """Have it so far ahead, at once."""
        self.seconds = seconds
        with self._page.open("r+b") as file:  # always the same file: it is mapped
            file.write(PAGE.pack(seconds))
