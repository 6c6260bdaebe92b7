"""Drives `attacher.py` processes, and looks for processes that should be gone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from tests.support.postgres import wait_until

ROOT = Path(__file__).parents[2]

_ATTACHER = str(Path(__file__).with_name("attacher.py"))
_SANDBOX = str(Path(__file__).with_name("sandbox.py"))


class Program:
    """One process that attaches to a data directory, in a process group of its own.

    Ended with SIGKILL at the end of a `with` block, if it still runs.
    """

    def __init__(
        self,
        data_dir: Path | str,
        environment: dict[str, str | None] | None = None,
        constraint: str = "",
    ) -> None:
        inside = [sys.executable, _SANDBOX, constraint] if constraint else []
        changes = {"PYTHONPATH": str(ROOT)} | (environment or {})
        kept = {name: value for name, value in os.environ.items() if name not in changes}
        added = {name: value for name, value in changes.items() if value is not None}
        self.process = subprocess.Popen(
            [*inside, sys.executable, _ATTACHER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=kept | added,
            cwd=ROOT,
        )

    def report(self) -> dict[str, Any]:
        """What the program sees of the server, once it says so."""
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        assert isinstance(told, dict)
        return told

    def order(self, word: str) -> dict[str, Any]:
        """Let it do something; its report afterwards."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self.report()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def interrupt(self) -> int:
        """Ctrl-C: SIGINT to its whole process group. Its exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def processes_of(data_dir: Path) -> list[int]:
    """Processes whose command line names this directory: guardian, postmaster, programs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if os.fsencode(data_dir) in words:
            found.append(int(entry.parent.name))
    return found


def wait_for_no_process_of(data_dir: Path) -> None:
    """Return once nothing is left that serves this directory."""
    wait_until(lambda: not processes_of(data_dir), seconds=15)
