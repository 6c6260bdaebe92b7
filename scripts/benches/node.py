"""A bench's node: a real `python -m runtime serve` with default settings, in its own process.

Rules: of our own environment's HEADRACE_* it sees nothing, so defaults are defaults. It drains when
the bench is done with it; if the bench is killed, the kernel kills it too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType

import attrs

from runtime.child.kernel import die_with
from scripts.benches.errors import BenchFailed

CHECKOUT = Path(__file__).parents[2]
APP = "scripts.benches.app:app"

_READY_SECONDS = 60.0
_END_SECONDS = 40.0  # its own 25 s to drain, and what it takes to stop what did not end by then
_FORCE_SECONDS = 10.0
_LOOK_SECONDS = 0.01
_LOG_TAIL = 12


@attrs.frozen
class Node:
    """A node that was started."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raises BenchFailed, if it has ended."""
        status = self.process.poll()
        if status is not None:
            raise self._failure(f"the node has ended by itself, with status {status}")

    def wait_serving(self) -> None:
        """Wait until its whole tree is up. Raises BenchFailed."""
        deadline = time.monotonic() + _READY_SECONDS
        while b" serving as " not in self.log.read_bytes():
            self.check()
            if time.monotonic() > deadline:
                raise self._failure(f"the node does not serve after {_READY_SECONDS:g} s")
            time.sleep(_LOOK_SECONDS)

    def end(self) -> None:
        """Let it drain; then stop it; then kill it."""
        try:
            self.process.send_signal(signal.SIGTERM)
            self._wait(_END_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self._wait(_FORCE_SECONDS)
                self.process.kill()
                self.process.wait()

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)

    def _failure(self, what: str) -> BenchFailed:
        tail = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
        return BenchFailed("\n  ".join([f"{what}; the end of its log:", *tail]))


@contextmanager
def started(
    url: str,
    namespace: str,
    log: Path,
    options: Sequence[str],
    app: str,
    *,
    before: Sequence[str] = (),
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Node]:
    """A node, from its start to its end. It may not serve yet.

    Args: before: words before the command, such as a program that starts it in a namespace of the
    kernel; it must exec. variables: of its environment, besides those that every node has.
    """
    serve = ["-m", "runtime", "serve", app, "--namespace", namespace]
    command = [*before, sys.executable, "-P", *serve]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--no-http", *options],
            cwd=CHECKOUT,
            env=environment(url) | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            process_group=0,  # Ctrl-C is for us to hand on
            preexec_fn=partial(die_with, os.getpid()),
        )
    node = Node(process, log)
    try:
        yield node
    finally:
        node.end()


def environment(url: str) -> dict[str, str]:
    """Ours without settings of Headrace, and with the database and this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    return kept | {"HEADRACE_DATABASE_URL": url, "PYTHONPATH": str(CHECKOUT)}
