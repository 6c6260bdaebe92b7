"""A node as its user runs it: `python -m runtime serve`, a real process with real children."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from tests.support.postgres import gone
from tests.support.processes import MARK, Process, below, marked, new_mark, wait_for, wait_gone

ROOT = Path(__file__).parents[2]
# From the start of the interpreter to "serving"; half a second here when the machine is idle.
START_SECONDS = 30.0
# A node that was asked to stop has its own deadlines; this is for a test that went wrong.
STOP_SECONDS = 30.0

_NOTHING: Mapping[str, str] = MappingProxyType({})

Option = str | float | bool | tuple[str, ...]  # several: the flag is given for each

# Options of a node that dies often: its jobs are given back in three seconds.
QUICK: dict[str, Option] = {"lease_seconds": 3, "heartbeat_seconds": 1, "term_seconds": 1.5}


class Node:
    """One node. Started at once; `wait_started` returns when it serves.

    Args:
        url: of its database; "": its environment has it. log: the file that its log goes to.
        app: an import path. environment: variables besides ours.
        options: of `serve`, by their names in the table of options.
    """

    def __init__(
        self,
        url: str,
        log: Path,
        app: str,
        environment: Mapping[str, str] = _NOTHING,
        /,
        **options: Option,
    ) -> None:
        self.mark = new_mark()
        self.log_file = log
        command = [sys.executable, "-m", "runtime", "serve", app, *_flags(options)]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*command, *(["--database-url", url] if url else [])],
                cwd=ROOT,
                env=_environment() | {MARK: self.mark, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a Ctrl-C in the terminal is for the tests
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()

    # --- what it says -----------------------------------------------------------------------------

    @property
    def log(self) -> str:
        """All that it has written."""
        return self.log_file.read_text(errors="replace")

    def wait_log(self, pattern: str, seconds: float = START_SECONDS, *, times: int = 1) -> None:
        """Return once the regular expression is found in the log so many times."""

        def told() -> str:
            return f"{pattern!r} is not {times} times in the log:\n{self.log}"

        def said() -> bool:
            return len(re.findall(pattern, self.log)) >= times

        wait_for(lambda: said() or self.process.poll() is not None, told, seconds)
        assert said(), f"the node ended with status {self.process.poll()}; {told()}"

    def wait_started(self) -> Self:
        """Return once it serves."""
        self.wait_log("serving as ")
        return self

    @property
    def http(self) -> str:
        """The address of its HTTP server, without a slash at the end."""
        found = re.findall(r"metrics and health at (\S+)", self.log)
        return str(found[-1]).rstrip("/")

    # --- its processes ----------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Of the node's own process."""
        return self.process.pid

    @property
    def processes(self) -> list[Process]:
        """All its living processes, itself included."""
        return marked(self.mark)

    @property
    def fork_server(self) -> int:
        """The pid of the fork server that serves now; waits until there is one."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [p.pid for p in below(self.pid) if p.name == "headrace-fork"]
            return bool(found)

        wait_for(look, lambda: f"no fork server:\n{self.log}", START_SECONDS)
        return found[0]

    @property
    def children(self) -> dict[int, int]:
        """The pids of the living children, by the number of their Worker."""
        named = re.compile(r"headrace-(\d+)")
        found = [(named.fullmatch(p.name), p.pid) for p in below(self.pid)]
        return {int(match[1]): pid for match, pid in found if match}

    def wait_children(self, count: int) -> dict[int, int]:
        """`children`, once there are so many: one a Worker, and one for async handlers."""
        wait_for(
            lambda: len(self.children) == count,
            lambda: f"children: {self.children}\n{self.log}",
            START_SECONDS,
        )
        return self.children

    # --- its end ----------------------------------------------------------------------------------

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the node's own process."""
        self.process.send_signal(number)

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM; wait until it and all its processes are gone. Returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until it and all its processes are gone. Returns the exit status."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the node did not end in {seconds:g} s:\n{self.log}") from None
        wait_gone(self.mark)
        return status

    def kill(self) -> None:
        """SIGKILL to the node's own process alone; what it started has to end by itself."""
        self.process.kill()
        self.process.wait()
        assert gone(self.pid)
        wait_gone(self.mark)


def _flags(options: dict[str, Option]) -> list[str]:
    flags: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, tuple):
            flags += [part for each in value for part in (f"--{flag}", each)]
        else:
            flags += [f"--{flag}", str(value)]
    return flags


def _environment() -> dict[str, str]:
    """Ours, without anything that would configure the node."""
    ours = ("HEADRACE_", "DATABASE_URL", "NOTIFY_SOCKET")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}
