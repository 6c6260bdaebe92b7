"""Joins the server of a data directory, or starts it: one process at a time, whoever comes.

`start.lock` is held from the first look until the server is ready, so of several processes that
come at once one starts it and the others find it running.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.embedded.guardian import plan
from runtime.embedded.guardian.plan import Plan, Ready
from runtime.embedded.link import Link, Unanswered, failure, log_size

START_TIMEOUT = 180.0
"""Seconds to wait for readiness; a recovery after a crash may take a good part of this."""

_LOG_LIMIT = 10 * 2**20
"""Bytes of `server.log` from which it's set aside at the next start, as `server.log.1`."""

_BOOT = Path(__file__).with_name("guardian") / "boot.py"


def join_or_start(wanted: Plan) -> tuple[Link, Ready]:
    """A link to the guardian of `wanted.root`, and how to reach its server.

    Raises EmbeddedPostgresError.
    """
    deadline = time.monotonic() + START_TIMEOUT
    root = Path(wanted.root)
    log_start = log_size(root)
    with _start_lock(root, deadline):
        for make in (_join, _start):
            answered = _answered(make, wanted, deadline)
            if answered is not None:
                return answered
    raise failure("The guardian process ended without a word.", root, log_start)


def _answered(
    make: Callable[[Plan], Link | None], wanted: Plan, deadline: float
) -> tuple[Link, Ready] | None:
    link = make(wanted)
    if link is None:
        return None
    try:
        return link, link.ready(deadline)
    except Unanswered:
        link.abandon()  # it was just leaving
        return None
    except BaseException:
        link.abandon()
        raise


def _join(wanted: Plan) -> Link | None:
    """A link to the guardian that says it's here, if it is."""
    root = Path(wanted.root)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(plan.decode((root / plan.RECORD).read_bytes())["socket"])
    except (FileNotFoundError, ConnectionError):
        connection.close()
        return None
    return Link(connection, root, started_it=False)


def _start(wanted: Plan) -> Link | None:
    """A link to a new guardian. It detaches itself, so the process that we start ends at once."""
    root = Path(wanted.root)
    ours, theirs = socket.socketpair()
    link = Link(ours, root, started_it=True)
    with theirs, _open_log(root / plan.LOG) as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_BOOT), str(theirs.fileno()), wanted.root],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs.fileno()],
        )
    try:
        ours.sendall(wanted.line())
    except ConnectionError:
        link.abandon()
        return None
    finally:
        process.wait()
    return link


@contextmanager
def _open_log(log: Path) -> Iterator[int]:
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_name(log.name + ".1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _start_lock(root: Path, deadline: float) -> Iterator[None]:
    with (root / plan.START_LOCK).open("ab") as file:
        while not _locked(file.fileno()):
            if time.monotonic() > deadline:
                raise failure("Another process has been starting it all the time.", root, 0)
            time.sleep(0.01)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
