"""The demo's node: a real `python -m runtime serve`, in a process of its own.

It tells us that it is ready as it would tell systemd. It drains when the demo is done with it, and
is stopped at once when the demo is; if the demo is killed, the kernel kills it too.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import trio

from actors.kit import Ticker
from runtime.child.kernel import die_with

CHECKOUT = Path(__file__).parents[2]
APP = "scripts.survey.app:app"

KILL_GRACE_SECONDS = 1.0
_READY_SECONDS = 60.0
_DRAIN_SECONDS = 40.0  # its own 25 s, and what it takes to stop what did not end by then
_FORCE_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_DATAGRAM = 64  # bytes; more than READY=1 has
_LOG_TAIL = 12


class NodeFailed(Exception):
    """The node ended, or never began. Its text has the end of its log."""


@attrs.frozen
class Node:
    """A running node."""

    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raises NodeFailed, if it has ended."""
        status = self.process.poll()
        if status is not None:
            raise self.failure(f"the node has ended by itself, with status {status}")

    def failure(self, what: str) -> NodeFailed:
        """An error that shows the log's end."""
        tail = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
        return NodeFailed("\n  ".join([f"{what}; the end of {self.log}:", *tail]))

    async def drain(self) -> float:
        """Let it end by itself; how many seconds that took. Raises NodeFailed."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        if not await self._ended(_DRAIN_SECONDS):
            raise self.failure("the node does not drain")
        if self.process.returncode != 0:
            raise self.failure(f"the node drained with status {self.process.returncode}")
        return time.monotonic() - begun

    async def stop(self) -> None:
        """End it now, if it still runs: the second signal tells it not to wait for its handlers."""
        for _ in range(2):
            if await self._ended(_LOOK_SECONDS):
                return
            self.process.send_signal(signal.SIGTERM)
        if not await self._ended(_FORCE_SECONDS):
            self.process.kill()
            await self._ended(_FORCE_SECONDS)

    async def _ended(self, seconds: float) -> bool:
        with trio.move_on_after(seconds):
            async for _ in Ticker(_LOOK_SECONDS):
                if self.process.poll() is not None:
                    return True
        return self.process.poll() is not None


@asynccontextmanager
async def serving(data_dir: Path, namespace: str, app: str = APP) -> AsyncIterator[Node]:
    """A node that serves the demo's app on all cores, ready. Raises NodeFailed."""
    with TemporaryDirectory(prefix="headrace-") as folder, _datagrams() as listener:
        await listener.bind(f"{folder}/ready")
        node = _start(data_dir, namespace, f"{folder}/ready", app)
        try:
            await _ready(node, listener)
            yield node
        finally:
            with trio.CancelScope(shield=True):
                await node.stop()


def _datagrams() -> trio.socket.SocketType:
    return trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


async def _ready(node: Node, listener: trio.socket.SocketType) -> None:
    with trio.move_on_after(_READY_SECONDS):
        while True:
            with trio.move_on_after(_LOOK_SECONDS):
                if b"READY=1" in await listener.recv(_DATAGRAM):
                    return
            node.check()
    raise node.failure(f"the node is not ready after {_READY_SECONDS:g} s")


def _start(data_dir: Path, namespace: str, notify: str, app: str) -> Node:
    log = data_dir / "node.log"
    command = [sys.executable, "-m", "runtime", "serve", app, "--data-dir", str(data_dir)]
    command += ["--namespace", namespace, "--kill-grace-seconds", str(KILL_GRACE_SECONDS)]
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=os.environ | {"NOTIFY_SOCKET": notify},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            process_group=0,  # Ctrl-C is for us to hand on
            preexec_fn=partial(die_with, os.getpid()),
        )
    return Node(process, log)
