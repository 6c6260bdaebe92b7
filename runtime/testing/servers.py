"""A server for tests: one that is named, or an embedded one of the run's own.

Rule: processes that share a directory share its server. Each holds a lock on it, and the last one
that leaves removes the data.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from runtime.embedded import Server

URL_VARIABLE = "HEADRACE_TEST_DATABASE_URL"
# What is lost with the machine is a test's.
_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": "200",
        "synchronous_commit": "off",
    }
)


@contextmanager
def running(named: str | None, shared: Path | None) -> Iterator[str]:
    """A server, for as long as the block lasts: the address of a database in it.

    Args: named: its address; by default HEADRACE_TEST_DATABASE_URL; else one is started. shared: a
    directory that other processes of the run know as well, if there are others.
    """
    url = named or os.environ.get(URL_VARIABLE)
    if url:
        yield url
    elif shared is None:
        with Server.attach(ephemeral=True, settings=_SETTINGS) as server:
            yield server.url
    else:
        with (
            _shared(shared / "headrace-postgres") as data,
            Server.attach(data, settings=_SETTINGS) as server,
        ):
            yield server.url


@contextmanager
def _shared(data: Path) -> Iterator[Path]:
    """A directory that is removed by the last one who leaves it."""
    with data.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield data
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # somebody else uses it
            shutil.rmtree(data, ignore_errors=True)
