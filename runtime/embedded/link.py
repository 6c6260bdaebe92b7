"""A user's connection to a guardian: while it's open, the server stays."""

import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from runtime.embedded.errors import EmbeddedPostgresError
from runtime.embedded.guardian import plan
from runtime.embedded.guardian.plan import Ready

_CLOSE_TIMEOUT = 90.0
"""Seconds to wait for the guardian's end: its own bounds for stopping the server add up to 80."""

_EXIT_TIMEOUT = 5.0
"""Seconds for a process that has nothing left to do but to exit."""

_LOG_LINES = 30


class Unanswered(Exception):
    """The guardian has ended instead of answering."""


@attrs.define(eq=False)
class Link:
    """One connection, owned by the process that made it; a forked child only drops its copy."""

    _connection: socket.socket
    _root: Path
    started_it: bool
    _log_start: int = attrs.field(init=False)
    _owner: int = attrs.field(factory=os.getpid)
    _unread: bytes = b""
    _guardian: int | None = None

    def __attrs_post_init__(self) -> None:
        self._log_start = log_size(self._root)

    def ready(self, deadline: float) -> Ready:
        """Wait for the guardian's answer. Raises EmbeddedPostgresError, or Unanswered."""
        try:
            answer = self._receive(deadline)
        except TimeoutError:
            raise self._failure("It wasn't ready in time.") from None
        if "failed" in answer:
            raise self._failure(answer["failed"])
        ready = Ready(**answer["ready"])
        self._guardian = ready.guardian_pid
        return ready

    def ensure(self, deadline: float) -> Ready | None:
        """Wait until the server is ready; None if the guardian is gone."""
        try:
            self._connection.sendall(plan.ENSURE)
            return self.ready(deadline)
        except (ConnectionError, Unanswered):
            return None

    def close(self) -> None:
        """Leave. If we're the last, this returns when server and guardian have ended."""
        try:
            if self._owner == os.getpid():
                self._leave()
        finally:
            self._connection.close()

    def abandon(self) -> None:
        """Leave without waiting."""
        self._connection.close()

    def _leave(self) -> None:
        """Say that we go and wait until the other side closes."""
        deadline = time.monotonic() + _CLOSE_TIMEOUT
        with _watched(self._guardian) as process:
            try:
                self._connection.shutdown(socket.SHUT_WR)
            except OSError:
                return  # the guardian has ended before us
            try:
                last_words = self._read_all(deadline)
            except TimeoutError:
                raise self._failure("It doesn't stop.") from None
            if last_words.endswith(plan.ENDED) and process is not None:
                _wait_for_exit(process)

    def _read_all(self, deadline: float) -> bytes:
        words = b""
        while data := self._read(deadline):
            words += data
        return words

    def _receive(self, deadline: float) -> Any:
        while b"\n" not in self._unread:
            data = self._read(deadline)
            if not data:
                raise Unanswered
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return plan.decode(line)

    def _read(self, deadline: float) -> bytes:
        """Some bytes, or none if the guardian has ended. Raises TimeoutError."""
        self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            return self._connection.recv(65536)
        except ConnectionError:
            return b""

    def _failure(self, reason: str) -> EmbeddedPostgresError:
        return failure(reason, self._root, self._log_start)


@contextmanager
def _watched(pid: int | None) -> Iterator[int | None]:
    """A descriptor that becomes readable when the process ends, where there is such a thing."""
    descriptor = None
    if pid is not None and hasattr(os, "pidfd_open"):
        with suppress(OSError):  # the process has ended, or the kernel is too old
            descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _wait_for_exit(process: int) -> None:
    waiter = select.poll()
    waiter.register(process, select.POLLIN)
    waiter.poll(_EXIT_TIMEOUT * 1000)


def log_size(root: Path) -> int:
    """Bytes in the server's log now."""
    log = root / plan.LOG
    return log.stat().st_size if log.exists() else 0


def failure(reason: str, root: Path, log_start: int) -> EmbeddedPostgresError:
    """An error that ends with what the server's log got after its first `log_start` bytes."""
    log = root / plan.LOG
    lines = _lines_from(log, log_start)[-_LOG_LINES:] if log.exists() else []
    told = "".join(f"\n  {line}" for line in lines)
    return EmbeddedPostgresError(
        f"The embedded PostgreSQL in {root} can't be used. {reason}"
        + (f"\nThe end of {log}:{told}" if told else "")
    )


def _lines_from(log: Path, start: int) -> list[str]:
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace").splitlines()
