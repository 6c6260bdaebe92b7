"""Joins the server of a data directory, or starts it: one process at a time, whoever comes.

`start.lock` is held from the first look until the server is ready, so of several processes that come
at once one starts it and the others find it running.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import attrs

from runtime.embedded.errors import EmbeddedPostgresError
from runtime.embedded.guardian import plan
from runtime.embedded.guardian.main import RECORD
from runtime.embedded.guardian.plan import Plan, Ready

START_TIMEOUT = 180.0
"""Seconds to wait for readiness; a recovery after a crash may take a good part of this."""

_CLOSE_TIMEOUT = 90.0
"""Seconds to wait for the guardian's end: its own bounds for stopping the server add up to 80."""

_LOG_LINES = 30

_BOOT = Path(__file__).with_name("guardian") / "boot.py"


class _Unanswered(Exception):
    """The guardian left instead of answering."""


@attrs.define(eq=False)
class Link:
    """Our connection to a guardian. While it's open, the server stays."""

    _connection: socket.socket
    _root: Path
    _log_start: int
    started_it: bool
    _owner: int = attrs.field(factory=os.getpid)
    _unread: bytes = b""

    def ready(self, deadline: float) -> Ready:
        """Wait for the guardian's answer. Raises EmbeddedPostgresError, or _Unanswered."""
        answer = self._receive(deadline)
        if "failed" in answer:
            fail(answer["failed"], self._root, self._log_start)
        return Ready(**answer["ready"])

    def ensure(self) -> Ready | None:
        """Wait until the server is ready; None if the guardian is gone."""
        try:
            self._connection.sendall(plan.ENSURE)
            return self.ready(time.monotonic() + START_TIMEOUT)
        except (OSError, _Unanswered):
            return None

    def close(self) -> None:
        """Leave. If we're the last, this returns when the server has stopped and the guardian ended."""
        if self._owner == os.getpid():
            self._wait_for_end()
        self._connection.close()

    def _wait_for_end(self) -> None:
        deadline = time.monotonic() + _CLOSE_TIMEOUT
        try:
            self._connection.shutdown(socket.SHUT_WR)
            while self._read(deadline):
                self._unread = b""
        except (OSError, _Unanswered):
            return  # the guardian is gone already

    def _receive(self, deadline: float) -> Any:
        while b"\n" not in self._unread:
            data = self._read(deadline)
            if not data:
                raise _Unanswered
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return plan.decode(line)

    def _read(self, deadline: float) -> bytes:
        self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            return self._connection.recv(65536)
        except TimeoutError:
            fail("The server wasn't ready in time.", self._root, self._log_start)
        except ConnectionError as error:
            raise _Unanswered from error


def join_or_start(wanted: Plan) -> tuple[Link, Ready]:
    """A link to the guardian of `wanted.root`, and how to reach its server."""
    deadline = time.monotonic() + START_TIMEOUT
    root = Path(wanted.root)
    with _start_lock(root, deadline):
        for open_link in (_join, _start):
            link = open_link(wanted)
            if link is None:
                continue
            try:
                return link, link.ready(deadline)
            except _Unanswered:
                link.close()
            except BaseException:
                link._connection.close()
                raise
    fail("The guardian process ended without a word.", root, 0)


def _join(wanted: Plan) -> Link | None:
    """A link to the guardian that says it's here, if it is."""
    root = Path(wanted.root)
    try:
        place = plan.decode((root / RECORD).read_bytes())["socket"]
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(place)
    except (FileNotFoundError, ConnectionError):
        return None
    return Link(connection, root, _log_size(root), started_it=False)


def _start(wanted: Plan) -> Link:
    """A link to a new guardian. It detaches itself, so the process that we start ends at once."""
    root = Path(wanted.root)
    start = _log_size(root)
    ours, theirs = socket.socketpair()
    with theirs, (root / "server.log").open("ab") as log:
        os.set_inheritable(theirs.fileno(), True)
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_BOOT), str(theirs.fileno()), wanted.root],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs.fileno()],
        )
    ours.sendall(wanted.line())
    process.wait()
    return Link(ours, root, start, started_it=True)


@contextmanager
def _start_lock(root: Path, deadline: float) -> Iterator[None]:
    with (root / "start.lock").open("ab") as file:
        while not _locked(file.fileno()):
            if time.monotonic() > deadline:
                fail("Another process has been starting the server all the time.", root, 0)
            time.sleep(0.01)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _log_size(root: Path) -> int:
    log = root / "server.log"
    return log.stat().st_size if log.exists() else 0


def fail(reason: str, root: Path, log_start: int) -> NoReturn:
    """Raise an error that ends with what the server's log got since `log_start`."""
    log = root / "server.log"
    lines: list[str] = []
    if log.exists():
        with log.open("rb") as file:
            file.seek(log_start)
            lines = file.read().decode(errors="replace").splitlines()[-_LOG_LINES:]
    told = "".join(f"\n  {line}" for line in lines)
    raise EmbeddedPostgresError(
        f"The embedded PostgreSQL in {root} can't be used. {reason}"
        + (f"\nEnd of {log}:{told}" if told else "")
    )
