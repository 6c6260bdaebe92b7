"""Commands of `python -m runtime` in processes of their own, and what they said when they ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs
import msgspec

from runtime.child.kernel import die_with
from scripts.benches.node import CHECKOUT, environment


@attrs.frozen
class Said:
    """How a command ended. `steps`: of a migration that was told as JSON, as version and how."""

    status: int
    out: str
    err: str

    @property
    def steps(self) -> list[tuple[int, str]]:
        """None, unless it came to its end."""
        if self.status != 0:
            return []
        found: list[dict[str, Any]] = msgspec.json.decode(self.out)
        return [(each["version"], each["how"]) for each in found]


@attrs.define
class Command:
    """A command that was started."""

    process: subprocess.Popen[str]
    _said: Said | None = None

    @classmethod
    def start(cls, url: str, words: Sequence[str]) -> Command:
        """Start `python -m runtime WORDS...`; if we are killed, the kernel kills it too."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runtime", *words],
            cwd=CHECKOUT,
            env=environment(url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
            preexec_fn=partial(die_with, os.getpid()),
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ended(self) -> bool:
        """Whether it has."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()

    def said(self) -> Said:
        """Wait for its end. It says little, so no pipe is ever full."""
        if self._said is None:
            out, err = self.process.communicate()
            self._said = Said(self.process.returncode, out, err)
        return self._said
